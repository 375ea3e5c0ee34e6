"""Read tables: .csv, .jsonl, .parquet, DataFrames: file_name,label[,split,group,class_group]."""

import os

from keras_transfer.data.sources.folders import SPLIT_NAMES, SPLITS, printable
from keras_transfer.data.sources.objects import explode_objects
from keras_transfer.data.sources.table_files import COLUMN_ADVICE, read_table_file, tidy_column
from keras_transfer.errors import UserError, unknown_name
from keras_transfer.tasks import task_with_columns
from keras_transfer.tasks.common.labels import plain_label

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")  # as Hugging Face names them


def find_tables(root):
    """The metadata table of a folder: at its top, or else one in each split's folder.

    Returns: {file: split}, the split "" at the top, empty where there is none; notes.
    Raises: UserError for two tables in one folder.
    """
    places = sorted(place for place in root.glob("*") if place.name.lower() in SPLIT_NAMES)
    found = {place: _metadata_of(place) for place in places if place.is_dir()}
    files = {file: SPLIT_NAMES[place.name.lower()] for place, file in found.items() if file}
    top = _metadata_of(root)
    if top is not None:
        unused = ", ".join(f"{file.parent.name}/{file.name}" for file in files)
        return {top: ""}, [f"not used, for {top.name} lies above: {unused}"] if unused else []
    lacking = ", ".join(place.name for place, file in found.items() if file is None)
    return files, [f"not used, for lack of a table: {lacking}"] if files and lacking else []


def _metadata_of(folder):
    names = [name for name in METADATA if os.path.isfile(folder / name)]
    if len(names) > 1:
        raise UserError(f"{folder} has several tables", " and ".join(names), "Keep one of them")
    return folder / names[0] if names else None


def read_tables(files, task="auto"):
    """The examples of tables, each with its split; file names are relative to each table's folder.

    Args:
        files: {file: split}; the split, if it is not "", is that of rows without one, and the
            table then lies in a folder of its own below the data's.
        task: the name of the task that is wanted, or auto.

    Returns: DataFrame: path, label, split, group, shown; names of numeric targets; notes.
    Raises: UserError.
    """
    import pandas as pd

    frames, targets = [], {}
    for file, split in files.items():
        frame, targets[file] = named_columns(read_table_file(file), str(file), task)
        frame = locate(frame, file.resolve().parent, str(file))
        if split:
            shown = f"{printable(file.parent.name)}/" + frame["shown"]
            frame = frame.assign(shown=shown, split=frame["split"].replace("", split))
        frames.append(frame)
    where = " and ".join(map(str, files))
    if len(set(targets.values())) > 1:
        found = " and ".join(", ".join(names) or "label" for names in targets.values())
        raise UserError(f"{where} differ in their columns of labels", found)
    frame, notes = merge_repeats(pd.concat(frames, ignore_index=True), where)
    return frame, targets[file], notes


def named_columns(frame, where, task="auto"):
    """A copy of `frame` with tidy column names, and the names of its numeric targets.

    The column of files is `file_name` or `path`; where both stand there, they must not differ.

    Returns: DataFrame with `path`, plain `label` (where the task has columns of its own in its
        place, a dict of their cells), `split`, `group`; targets, a tuple of str: the NAMEs of its
        label_NAME columns, where it has no column label.
    """
    frame = explode_objects(frame.rename(columns=tidy_column))
    doubled = frame.columns[frame.columns.duplicated()]
    if len(doubled):
        raise UserError(f"{where} has a column twice", doubled[0], COLUMN_ADVICE)
    if "path" in frame.columns and "file_name" in frame.columns:
        _refuse_two_names(frame, where)
    elif "file_name" in frame.columns:
        frame = frame.rename(columns={"file_name": "path"})
    several = [name for name in frame.columns if name.startswith("label_")]
    targets = () if "label" in frame.columns else tuple(name[6:] for name in several)
    own = task_with_columns(frame.columns, task)
    if own:
        cells = [{c: _text(row[c]) for c in own.columns} for row in frame.to_dict("records")]
        frame, targets = frame.assign(label=cells), ()
    if "path" not in frame.columns or not ("label" in frame.columns or targets):
        found = ", ".join(map(str, frame.columns)) or "none"
        missing = [] if "path" in frame.columns else ["file_name"]
        missing += [] if "label" in frame.columns or targets else ["label"]
        columns = "the columns" if len(missing) > 1 else "a column"
        what = f"{where} lacks {columns} {' and '.join(missing)}"
        raise UserError(what, f"columns {found}", COLUMN_ADVICE)
    if not len(frame):
        raise UserError(f"{where} has no rows", "", "Add one row an example")
    return _plain_cells(frame, several, targets, bool(own)), targets


def _refuse_two_names(frame, where):
    """Refuse rows whose `path` and `file_name` are two different files."""
    for path, name in zip(frame["path"].map(_text), frame["file_name"].map(_text), strict=True):
        if os.path.normpath(path) != os.path.normpath(name):
            found = f"path {path}, file_name {name}"
            raise UserError(f"{where} names two files in one row", found, "Keep one of the columns")


def locate(frame, root, where):
    """Add `shown` and turn `path` absolute; every path must be a file, inside `root`.

    Args:
        root: the folder that paths are relative to and may not leave, or None: the working
            directory, and they may lie anywhere (a DataFrame is the caller's own).
    """
    if (frame["path"] == "").any():
        raise UserError(f"{where} has rows without a path", (frame["path"] == "").sum())
    base = os.path.realpath(root if root is not None else ".")
    paths, missing, outside, real_folders = [], [], [], {}
    for path in frame["path"]:
        full = os.path.normpath(os.path.join(base, os.path.expanduser(path)))
        if root is not None and not _stays_inside(full, base, real_folders):
            outside.append(path)
        elif not os.path.isfile(full):
            missing.append(path)
        paths.append(full)
    if outside:
        advice = "Put the examples in the table's folder, or the table above them"
        raise UserError(f"{len(outside)} paths of {where} leave its folder", outside[0], advice)
    if missing:
        raise UserError(
            f"{len(missing)} of {len(paths)} files that {where} names do not exist",
            missing[0],
            f"Paths are relative to {base}",
        )
    shown = frame["path"] if root is None else [os.path.relpath(path, base) for path in paths]
    shown = [printable(str(name)).replace(os.sep, "/") for name in shown]
    return frame.assign(path=paths, shown=shown)


def merge_repeats(frame, where):
    """One row an example: rows that add up are gathered, rows that say the same are dropped.

    Raises: UserError for an example that has two labels or splits.
    """
    repeated = frame.duplicated("path", keep=False)
    if len(frame) and isinstance(frame["label"].iloc[0], dict):
        gathered = frame.groupby("path", sort=False)["label"].agg(list)
        frame = frame.assign(label=frame["path"].map(gathered))
        return frame.drop_duplicates("path"), []
    if not repeated.any():
        return frame, []
    for column, what in (("label", "labels"), ("split", "splits")):
        found = frame[repeated].groupby("path", sort=False)[column].nunique()
        if (found > 1).any():
            name = frame.loc[frame["path"] == found.index[found > 1][0], "shown"].iloc[0]
            raise UserError(
                f"{(found > 1).sum()} examples of {where} stand there twice with different {what}",
                name,
                "Keep one row an example; several labels are joined by |",
            )
    kept = frame.drop_duplicates("path")
    return kept, [f"{len(frame) - len(kept)} repeated rows of {where} are read once"]


def _plain_cells(frame, several, targets, own):
    """The known columns with plain cells: str, and for labels str or tuple of str."""
    import pandas as pd

    if targets:
        columns = [frame[name].map(plain_label) for name in several]
        labels = list(zip(*columns, strict=True))
        labels = [label[0] for label in labels] if len(targets) == 1 else labels
    else:
        labels = [value if own else plain_label(value) for value in frame["label"]]
    plain = {"path": [_text(value) for value in frame["path"]], "label": labels}
    plain["split"] = _splits(frame["split"]) if "split" in frame.columns else ""
    for name in ("group", "class_group"):
        plain[name] = [_text(value) for value in frame[name]] if name in frame.columns else ""
    return pd.DataFrame(plain)


def _splits(cells):
    """Cells of the column split as train, val, test or ""."""
    names = [_text(cell) for cell in cells]
    unknown = sorted({name for name in names if name and name.lower() not in SPLIT_NAMES})
    if unknown:
        raise unknown_name("split", unknown[0], SPLITS)
    return [SPLIT_NAMES[name.lower()] if name else "" for name in names]


def _text(value):
    """A cell as str; a missing one is empty."""
    return str(value).strip() if isinstance(value, (str, os.PathLike)) else str(plain_label(value))


def _stays_inside(full, base, real_folders):
    """Whether the file is below `base`, links followed. Folders are resolved once each."""
    folder, name = os.path.split(full)
    if folder not in real_folders:
        try:
            real_folders[folder] = os.path.realpath(folder)
        except ValueError:  # no file has such a name: it will be missing
            return True
    real = os.path.join(real_folders[folder], name)
    if os.path.islink(real):
        real = os.path.realpath(real)
    return real.startswith(os.path.join(base, ""))
