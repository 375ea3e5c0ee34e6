"""SPEC -> Source: wherever examples and labels come from, everything after sees one table."""

import os
import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_transfer.data.sources import tables
from keras_transfer.data.sources.annotations import find_annotations
from keras_transfer.data.sources.arrays import is_tf_dataset, read_arrays, read_tf_dataset
from keras_transfer.data.sources.folders import read_folder
from keras_transfer.errors import UserError
from keras_transfer.inputs import find_modality
from keras_transfer.tasks import find_task, infer_task
from keras_transfer.tasks.common.labels import SEPARATOR

NAME_LENGTH = 40
SPECS = (
    "demo, demo:detection, demo:segmentation, a folder of class folders, a folder with "
    "train/val/test, a .csv, .jsonl or .parquet table, COCO, VOC, YOLO or mask folders, or "
    "tfds:NAME"
)


@dataclass(frozen=True, eq=False)
class Source:
    """Labelled examples, read but not decoded."""

    name: str  # short, safe for a folder name
    table: Any  # DataFrame: path, label, split, group, class_group, shown
    # (n, ...), or objects where the sizes of examples differ; `path` then is the row's number
    array: np.ndarray | None
    root: Path | None  # the folder that `shown` is relative to
    kind: str  # "demo", "classes", "table", "tfds" or "arrays"
    task: str  # what its labels are: asked for, or read off them
    notes: tuple[str, ...] = ()  # what the person should know of how it was read
    numbers: tuple[str, ...] = ()  # NAMEs of label_NAME columns, for several numbers
    preferred_inputs: dict = field(default_factory=dict)  # before those of the task


class Wanted(NamedTuple):
    """What the examples are to be: the name of a task, or auto; a Modality."""

    task: str
    modality: Any


def read_source(spec, task="auto", modality="image"):
    """The examples that `spec` names.

    Args:
        spec: "demo", "demo:detection", "demo:segmentation", a folder, a .csv, .jsonl or .parquet
            file, "tfds:NAME", a pandas DataFrame, (inputs, labels) arrays, or a finite
            tf.data.Dataset of (input, label).
        task: "auto" reads it off the labels; a task converts them to what it needs.
        modality: what an example is.

    Returns: a Source. Its table has the columns `path` (absolute, or row number of `array`),
        `label` (as the task parses it), `split` ("" where not drawn yet), `group`, `class_group`
        and `shown` (the path as the caller knows it).
    Raises: UserError.
    """
    if task != "auto":
        find_task(task)  # an unknown one is refused at once
    wanted = Wanted(task, find_modality(modality))
    if is_in_memory(spec):
        return _read_frame(spec, wanted) if _is_frame(spec) else _read_arrays(spec, wanted)
    if not isinstance(spec, (str, os.PathLike)):
        raise UserError("this is no description of data", type(spec).__name__, f"Known: {SPECS}")
    if not str(spec).strip():
        raise UserError("--data is empty", repr(str(spec)), f"Known: {SPECS}")
    if is_demo(spec):
        return _read_demo(str(spec), wanted)
    if isinstance(spec, str) and spec.startswith("tfds:"):
        return _read_tfds(spec[5:], wanted)
    return _read_path(Path(spec).expanduser(), wanted)


def is_in_memory(data):
    """Whether `data` holds the examples itself: arrays, a DataFrame, a tf.data.Dataset."""
    return isinstance(data, tuple) or _is_frame(data) or is_tf_dataset(data)


def _is_frame(data):
    return hasattr(data, "columns") and hasattr(data, "iloc")


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


def _read_path(path, wanted):
    if not path.exists():
        raise _not_found(path)
    has_table = path.is_dir() and tables.find_tables(path)[0]
    columns = () if wanted.task == "auto" else find_task(wanted.task).columns
    annotated = None if has_table else find_annotations(path, columns)
    if annotated:
        return _read_annotations(path, annotated(wanted.modality), wanted)
    if path.is_dir():
        return _read_folder(path, wanted)
    if path.suffix.lower() in (".csv", ".jsonl", ".parquet"):
        name = path.stem if path.name not in tables.METADATA else path.resolve().parent.name
        return _read_tables({path: ""}, path.resolve().parent, wanted, name)
    if path.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".7z"):
        raise UserError("an archive cannot be read", path, "Unpack it and name the folder")
    raise UserError("this file is no description of data", path, f"Known: {SPECS}")


def _read_folder(folder, wanted):
    import pandas as pd

    root = folder.resolve()
    files, notes = tables.find_tables(folder)
    if files:
        return _read_tables(files, root, wanted, root.name, notes=notes)
    rows, notes = read_folder(root, wanted.modality)
    frame = pd.DataFrame(rows, columns=["path", "label", "split", "shown"]).assign(group="")
    return _finish(safe_name(root.name), frame, None, root, "classes", wanted, notes)


def _read_annotations(path, found, wanted):
    import pandas as pd

    where = str(path)
    frame = pd.DataFrame(found.rows)
    columns = [name for name in frame.columns if name not in ("path", "split")]
    cells = frame[columns].to_dict("records")
    plain = {"path": frame["path"], "split": frame["split"], "group": "", "class_group": ""}
    frame = tables.locate(pd.DataFrame(plain).assign(label=cells), found.root, where)
    frame, notes = tables.merge_repeats(frame, where)
    root = found.root
    name = safe_name(path.stem if path.is_file() else root.name)
    return _finish(name, frame, None, root, "annotations", wanted, [*found.notes, *notes])


def _read_tables(files, root, wanted, name, kind="table", notes=()):
    frame, numbers, repeated = tables.read_tables(files, wanted.task)
    return _finish(safe_name(name), frame, None, root, kind, wanted, [*notes, *repeated], numbers)


def _read_frame(frame, wanted):
    where = "the DataFrame"
    frame, numbers = tables.named_columns(frame, where, wanted.task)
    frame, notes = tables.merge_repeats(tables.locate(frame, None, where), where)
    return _finish("table", frame, None, None, "table", wanted, notes, numbers)


def is_demo(spec):
    """Whether a SPEC names images of the demo: "demo", or "demo:" and a task."""
    return isinstance(spec, str) and (spec == "demo" or spec.startswith("demo:"))


def _read_demo(spec, wanted):
    from keras_transfer.data.demo.folder import demo_folder, preferred_inputs

    layout = spec.partition(":")[2] or "classes"
    folder, name = Path(demo_folder(layout=layout)), safe_name(spec)
    if (folder / "metadata.csv").exists():
        source = _read_tables({folder / "metadata.csv": ""}, folder, wanted, name, kind="demo")
    else:
        annotated = find_annotations(folder, ())(wanted.modality)
        source = replace(_read_annotations(folder, annotated, wanted), name=name)
    return replace(source, preferred_inputs=preferred_inputs(layout))


def _read_tfds(name, wanted):
    from keras_transfer.data.sources.tfds import tfds_folder

    folder, notes = tfds_folder(name)
    files = {folder / "metadata.csv": ""}
    return _read_tables(files, folder, wanted, f"tfds_{name}", kind="tfds", notes=notes)


def _read_arrays(spec, wanted):
    import pandas as pd

    if isinstance(spec, tuple) and len(spec) != 2:
        raise UserError("arrays come as (array, labels)", f"a tuple of {len(spec)}")
    read = read_arrays(*spec, wanted.modality) if isinstance(spec, tuple) else None
    read = read or read_tf_dataset(spec, wanted.modality)
    array, labels, numbers = read
    names = [str(number) for number in range(len(array))]
    cells = {"path": names, "shown": names, "label": labels, "split": "", "group": ""}
    return _finish("arrays", pd.DataFrame(cells), array, None, "arrays", wanted, [], numbers)


def _finish(name, frame, array, root, kind, wanted, notes, numbers=()):
    """The Source of a table of plain cells: labels become what their task wants."""
    labels, shown, task = list(frame["label"]), list(frame["shown"]), wanted.task
    if task == "auto":
        several = any(SEPARATOR in label for label in labels)
        are_names = kind == "classes" or (kind == "tfds" and not several)
        inferred = infer_task(labels, are_names, numbers)
        task = inferred.name
        if inferred.inferred_note and not numbers:
            notes = [*notes, inferred.inferred_note]
    labels = find_task(task).parse(labels, shown, numbers)
    table = frame.drop(columns="label").reset_index(drop=True)
    table.insert(1, "label", _objects(labels))
    if "class_group" not in table:
        table = table.assign(class_group="")
    table = table[["path", "label", "split", "group", "class_group", "shown"]]
    return Source(name, table, array, root, kind, task, tuple(notes), numbers)


def _objects(labels):
    """A column of Python objects: pandas would otherwise spread tuples or retype numbers."""
    import pandas as pd

    column = np.empty(len(labels), object)
    column[:] = labels
    return pd.Series(column, dtype=object)
