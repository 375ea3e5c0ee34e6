"""Files for servers and phones: one file a format, each checked before it is handed over.

`export/NAME.py` has FORMATS, a tuple of `Format`; `is_file(path)`, whether a path is a file of its
kind; and `open_file(path) -> Exported`, a UserError where it is damaged.
"""

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from keras_transfer.config import find_in, names_in
from keras_transfer.environment import atomic_write, write_text
from keras_transfer.errors import UserError, unknown_name
from keras_transfer.model.spec import ModelSpec, name_lines
from keras_transfer.tasks import load_task

TOLERANCE = 1e-3  # of the spread of predictions, see `Task.difference`
NAMES_FILE = "classes.txt"  # beside the files


class Format(NamedTuple):
    """One way to write a model.

    Attributes:
        name: what it is asked for by; file_name: in the folder of exports.
        write: (network, path, sample) -> a dict for the certificate, or None. `network` is an
            `export.common.network.Network`; `sample` gives training examples.
        exact: whether its predictions are the model's, to TOLERANCE.
        calibrated: whether writing it needs training examples.
        extra: of keras_transfer, that it needs; modules: what that brings.
        safer: what to take where this fails: larger, and nearer to the model.
        any_size: the name of the format for images of any size, where there is one.
        postprocessed: the name of the format whose files give predictions, where there is one.
        form: of the outputs, see `Task.form_of`; "": as phones read them.
        check_library: function of a folder with a package of others' code that the files are to
            bring along: a UserError where it is none. None where they need no such code.
    """

    name: str
    file_name: str
    write: Callable
    exact: bool = True
    calibrated: bool = False
    extra: str = ""
    modules: tuple[str, ...] = ()
    safer: str = ""
    any_size: str = ""
    postprocessed: str = ""
    form: str = ""
    check_library: Callable | None = None


class Exported(NamedTuple):
    """An exported file, opened as a stranger would open it.

    Attributes:
        runtime: inputs (n, ...) -> predictions (n, ...); see `runtimes.Runtime`.
        spec: the ModelSpec that the file holds, None where it holds none.
        any_size: whether it takes images of any size and resizes them itself.
        predict_files: the bytes of whole files -> a list of predictions, None for what it cannot
            read; None where the file decodes nothing.
    """

    runtime: Any
    spec: ModelSpec | None
    any_size: bool = False
    predict_files: Callable | None = None


@functools.cache
def formats():
    """{name: Format} of all formats."""
    rooms = [find_in("export", "format", name) for name in names_in("export")]
    return {form.name: form for room in rooms for form in room.FORMATS}


def find_format(name):
    """The Format called `name`; an unknown name is a UserError."""
    if name not in formats():
        raise unknown_name("export format", name, formats())
    return formats()[name]


def find_export(path):
    """The module whose files are of the kind of `path`; None where there is no such file."""
    rooms = [find_in("export", "format", name) for name in names_in("export")]
    return next((room for room in rooms if room.is_file(Path(path))), None)


def open_export(path):
    """The Exported of a file, or of its folder; a UserError where it is none."""
    room = find_export(path)
    if room is None:
        kinds = ", ".join(sorted({form.file_name for form in formats().values()}))
        raise UserError("no exported model here", path, f"Known are files like {kinds}")
    return room.open_file(Path(path))


def require(form):
    """Refuse a format whose extra is not installed."""
    from importlib.util import find_spec

    missing = [module for module in form.modules if find_spec(module) is None]
    if missing:
        command = f"pip install 'keras_transfer[{form.extra}]'"
        raise UserError(f"{form.name} needs an extra", f"not installed: {missing[0]}", command)


def write_format(network, format_name, folder, inputs, expected, sample=None):
    """Write one format into `folder`, run it, and put it in place only if it predicts alike.

    Args:
        network: `export.common.network.Network`, of the form that the format wants.
        format_name: of `formats()`.
        folder: of exports; made if missing. What is there stays until the new file has passed.
        inputs: the examples to check with, as the model takes them; such that differ.
        expected: what the network predicts for them.
        sample: gives training examples that a quantised format is calibrated on.

    Returns:
        (Exported, dict): the dict has path (Path), bytes, load_ms, operations, difference (see
        `Task.difference`), seconds, and what the format itself adds.

    Raises:
        UserError: unknown format, a model that the format cannot hold, a file that predicts
            otherwise, a place that cannot be written.
    """
    form, begun = find_format(format_name), time.monotonic()
    target, spec = Path(folder) / form.file_name, network.spec
    with atomic_write(target) as fresh:
        facts = form.write(network, fresh, sample) or {}
        opening = time.perf_counter()
        exported = open_export(fresh)
        loading = time.perf_counter() - opening
        difference = load_task(spec).difference(expected, exported.runtime(inputs))
        # of an inexact format the certificate decides; but what is no number is no prediction
        if not difference <= (TOLERANCE if form.exact else sys.float_info.max):
            found = f"{difference:.2g} of their spread apart; allowed {TOLERANCE:g}"
            advice = "The file was not kept; please report this model"
            raise UserError(f"{form.file_name} does not predict as the model does", found, advice)
        size, operations = _bytes(fresh), exported.runtime.operations()
    write_text(Path(folder) / NAMES_FILE, name_lines(spec.outputs))
    return exported, {
        "path": target,
        "bytes": size,
        "load_ms": 1000 * loading,
        "operations": operations,
        "difference": difference,
        "seconds": time.monotonic() - begun,
        **facts,
    }


def _bytes(path):
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
