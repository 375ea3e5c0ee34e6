"""SPEC -> Source: wherever examples and labels come from, everything after sees one table."""

import os
import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from keras_transfer.data.sources import tables
from keras_transfer.data.sources.arrays import read_arrays
from keras_transfer.data.sources.folders import read_folder
from keras_transfer.errors import UserError, unknown_name
from keras_transfer.tasks.labels import (
    SEPARATOR,
    TASKS,
    finite_number,
    guess_task,
    infer_task,
    typed_labels,
)

__all__ = ["Source", "infer_task", "read_source"]

NAME_LENGTH = 40
SPECS = (
    "demo, a folder of class folders, a folder with train/val/test, a .csv or .parquet table, "
    "or tfds:NAME"
)


@dataclass(frozen=True, eq=False)
class Source:
    """Labelled examples, read but not decoded."""

    name: str  # short, safe for a folder name
    table: Any  # DataFrame: path, label, split, group, shown
    array: np.ndarray | None  # uint8 (n, height, width, 3); `path` then is the row's number
    root: Path | None  # the folder that `shown` is relative to
    kind: str  # "demo", "classes", "table", "tfds" or "arrays"
    notes: tuple[str, ...] = ()  # what the person should know of how it was read
    targets: tuple[str, ...] = ()  # NAMEs of label_NAME columns, for several numbers


def read_source(spec, task="auto"):
    """The examples that `spec` names.

    Args:
        spec: "demo", a folder, a .csv or .parquet file, "tfds:NAME", a pandas DataFrame, or
            (images, labels) arrays.
        task: "auto" reads it off the labels; a task converts them to what it needs.

    Returns: a Source. Its table has the columns `path` (absolute, or row number of `array`),
        `label` (str, tuple of str, float or tuple of floats), `split` ("" where not drawn yet),
        `group` and `shown` (the path as the caller knows it).
    Raises: UserError.
    """
    if task not in ("auto", *TASKS):
        raise unknown_name("task", task, ("auto", *TASKS))
    if isinstance(spec, tuple):
        return _read_arrays(spec, task)
    if hasattr(spec, "columns") and hasattr(spec, "iloc"):
        return _read_frame(spec, task)
    if not isinstance(spec, (str, os.PathLike)):
        raise UserError("this is no description of data", type(spec).__name__, f"Known: {SPECS}")
    if not str(spec).strip():
        raise UserError("--data is empty", repr(str(spec)), f"Known: {SPECS}")
    if spec == "demo":
        return _read_demo(task)
    if isinstance(spec, str) and spec.startswith("tfds:"):
        return _read_tfds(spec[5:], task)
    return _read_path(Path(spec).expanduser(), task)


def _not_found(path):
    """The UserError for a path that is not there; offers what is nearest to it."""
    near = []
    if path.parent.is_dir():
        names = [name for name in os.listdir(path.parent) if not name.startswith(".")]
        near = get_close_matches(path.name, names, n=2, cutoff=0.6)
        near = [str(path.parent / name) for name in near]
    if path.parent == Path():
        near += get_close_matches(path.name, ["demo"])
    advice = f"Did you mean {' or '.join(near)}?" if near else f"Known: {SPECS}"
    return UserError("no such data", path, advice)


def safe_name(text):
    """`text` as a short name that every file system takes."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._-")[:NAME_LENGTH] or "data"


def _read_path(path, task):
    if not path.exists():
        raise _not_found(path)
    if path.is_dir():
        if (path / "metadata.csv").is_file():
            return _read_table(path / "metadata.csv", task, path.resolve().name)
        return _read_class_folders(path, task)
    if path.suffix.lower() in (".csv", ".parquet"):
        name = path.stem if path.stem != "examples" else path.resolve().parent.name
        return _read_table(path, task, name)
    if path.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".7z"):
        raise UserError("an archive cannot be read", path, "Unpack it and name the folder")
    raise UserError("this file is no description of data", path, f"Known: {SPECS}")


def _read_class_folders(folder, task):
    import pandas as pd

    root = folder.resolve()
    rows, notes = read_folder(root)
    frame = pd.DataFrame(rows, columns=["path", "label", "split", "shown"]).assign(group="")
    return _finish(safe_name(root.name), frame, None, root, "classes", task, notes)


def _read_table(file, task, name, kind="table"):
    frame, targets = tables.named_columns(tables.read_table_file(file), str(file))
    root = file.resolve().parent
    frame, notes = tables.merge_repeats(tables.locate(frame, root, str(file)), str(file))
    return _finish(safe_name(name), frame, None, root, kind, task, notes, targets)


def _read_frame(frame, task):
    where = "the DataFrame"
    frame, targets = tables.named_columns(frame, where)
    frame, notes = tables.merge_repeats(tables.locate(frame, None, where), where)
    return _finish("table", frame, None, None, "table", task, notes, targets)


def _read_demo(task):
    from keras_transfer.data.demo.drawing import demo_folder

    return _read_table(Path(demo_folder()) / "metadata.csv", task, "demo", kind="demo")


def _read_tfds(name, task):
    from keras_transfer.data.sources.tfds import tfds_folder

    folder, notes = tfds_folder(name)
    source = _read_table(folder / "metadata.csv", task, f"tfds_{name}", kind="tfds")
    return replace(source, notes=(*notes, *source.notes))


def _read_arrays(spec, task):
    import pandas as pd

    if len(spec) != 2:
        raise UserError("arrays come as (array, labels)", f"a tuple of {len(spec)}")
    array, labels, targets = read_arrays(*spec)
    names = [str(number) for number in range(len(array))]
    cells = {"path": names, "shown": names, "label": labels, "split": "", "group": ""}
    return _finish("arrays", pd.DataFrame(cells), array, None, "arrays", task, [], targets)


def _finish(name, frame, array, root, kind, task, notes, targets=()):
    """The Source of a table of plain cells: labels get the type of the task."""
    labels, shown = list(frame["label"]), list(frame["shown"])
    if targets and task not in ("auto", "regression"):
        raise UserError("several numbers an example are a regression", f"--task {task}")
    if targets:
        labels = [finite_number(label, name) for label, name in zip(labels, shown, strict=True)]
    else:
        several = any(SEPARATOR in label for label in labels)
        guessed = guess_task(labels, kind == "classes" or (kind == "tfds" and not several))
        if task == "auto" and guessed == "regression":
            notes = [*notes, "labels are numbers: a regression; --task classification otherwise"]
        labels = typed_labels(labels, shown, guessed if task == "auto" else task)
    table = frame.drop(columns="label")
    table.insert(1, "label", _objects(labels))
    table = table[["path", "label", "split", "group", "shown"]].reset_index(drop=True)
    return Source(name, table, array, root, kind, tuple(notes), targets)


def _objects(labels):
    """A column of Python objects: pandas would otherwise spread tuples or retype numbers."""
    import pandas as pd

    column = np.empty(len(labels), object)
    column[:] = labels
    return pd.Series(column, dtype=object)
