"""The exports of one run: written, checked, and listed in `exports.json`."""

import json
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import UserError, unknown_name
from keras_transfer.export import FORMATS, export_model
from keras_transfer.export.aside import write_text
from keras_transfer.export.twin import float32_twin

LIST = "exports.json"


def write_exports(model, about, folder, formats, pixels):
    """Write `formats` into `folder` and prove each on `pixels`.

    Args:
        model: `keras.Model`; about: `export.keras_file.About`.
        folder: RUN/exports; what else it holds stays.
        formats: names of `export.FORMATS`.
        pixels: uint8 (n, size, size, 3).

    Returns:
        {format: {path (relative to `folder`), bytes, difference, seconds}}.

    Raises:
        UserError: see `export_model`; before anything is written where a format is unknown.
    """
    check_formats(formats)
    twin = float32_twin(model)
    expected = np.asarray(twin.predict(pixels.astype(np.float32), verbose=0))
    found = {}
    with progress.bar("Exporting", len(formats)) as advance:
        for name in formats:
            facts = export_model(
                twin, name, folder, about.outputs, about.task, about.resize, pixels, expected
            )
            found[name] = {**facts, "path": facts["path"].name}
            advance()
    listed = read_exports(folder) | found
    write_text(Path(folder) / LIST, json.dumps(listed, indent=2) + "\n")
    return found


def check_formats(formats):
    """Refuse names that are no format, and no names at all."""
    if not formats:
        raise UserError("no format named", "", f"Known: {', '.join(FORMATS)}")
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("export format", name, FORMATS)


def read_exports(folder):
    """What `exports.json` lists; empty where there is none."""
    file = Path(folder) / LIST
    return json.loads(file.read_text()) if file.exists() else {}
