"""Files for servers and phones: one module a format, each file checked before it is handed over."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from keras_transfer.errors import UserError, unknown_name
from keras_transfer.export.aside import write_text, written_aside
from keras_transfer.export.check import TOLERANCE, check_export
from keras_transfer.export.names import BESIDE, name_lines
from keras_transfer.export.saved_model import export_saved_model
from keras_transfer.export.tflite import export_tflite


class Format(NamedTuple):
    file_name: str  # in the folder of exports
    write: Callable  # (model, path, outputs, task, resize)


FORMATS = {
    "saved_model": Format("saved_model", export_saved_model),
    # a phone resizes by its own means: no `resize` in this file
    "tflite": Format(
        "model.tflite",
        lambda model, path, outputs, task, resize: export_tflite(model, path, outputs, task),
    ),
}


def export_model(model, format_name, folder, outputs, task, resize, pixels, expected):
    """Write one format into `folder`, run it, and put it in place only if it answers alike.

    Args:
        model: one flat `keras.Model` of any precision.
        format_name: a key of FORMATS.
        folder: of exports; made if missing. What is there stays until the new file has passed.
        outputs: names of the answers; they also go to `classes.txt`.
        task: classification, multilabel or regression.
        resize: squeeze, crop or pad, as the model was trained.
        pixels: uint8 (n, s, s, 3), the pictures to check with.
        expected: (n, k) what `float32_twin(model)` answers to them.

    Returns:
        dict: path (Path), bytes, difference (see `check_export`), seconds.

    Raises:
        UserError: unknown format, a model that the format cannot hold, a file that answers
            otherwise, a place that cannot be written.
    """
    if format_name not in FORMATS:
        raise unknown_name("export format", format_name, FORMATS)
    begun = time.monotonic()
    file_name, write = FORMATS[format_name]
    target = Path(folder) / file_name
    with written_aside(target) as fresh:
        write(model, fresh, outputs, task, resize)
        difference = check_export(fresh, pixels, expected, task)
        if not difference <= TOLERANCE:
            found = f"logits {difference:.2g} of their spread apart; allowed {TOLERANCE:g}"
            advice = "The file was not kept; please report this model"
            raise UserError(f"{file_name} does not answer as the model does", found, advice)
        size = _bytes(fresh)
    write_text(Path(folder) / BESIDE, name_lines(outputs))
    seconds = time.monotonic() - begun
    return {"path": target, "bytes": size, "difference": difference, "seconds": seconds}


def _bytes(path):
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
