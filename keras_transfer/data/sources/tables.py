"""Read tables: .csv, .parquet, or a pandas DataFrame with the columns path,label[,split,group]."""

import io
import os
import re

from keras_transfer.data.sources.folders import SPLIT_NAMES, SPLITS, printable
from keras_transfer.errors import UserError, unknown_name
from keras_transfer.tasks.labels import plain_label

COLUMNS = ("path", "file_name", "label", "split", "group")
COLUMN_ADVICE = "A table has the columns file_name,label and may have split,group"
DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


def read_table_file(file):
    """The DataFrame that lies in a .csv or .parquet file, its cells untouched."""
    if file.suffix.lower() == ".parquet":
        return _read_parquet(file)
    return _read_csv(file)


def named_columns(frame, where):
    """A copy of `frame` with tidy column names, and the names of its numeric targets.

    Returns: DataFrame with `path`, plain `label`, `split`, `group`; targets, a tuple of str: the
        NAMEs of its label_NAME columns, where it has no column label.
    """
    frame = frame.rename(columns=_tidy_column)
    if "path" not in frame.columns:
        frame = frame.rename(columns={"file_name": "path"})
    doubled = frame.columns[frame.columns.duplicated()]
    if len(doubled):
        raise UserError(f"{where} has a column twice", doubled[0], COLUMN_ADVICE)
    several = [name for name in frame.columns if name.startswith("label_")]
    targets = () if "label" in frame.columns else tuple(name[6:] for name in several)
    if "path" not in frame.columns or not ("label" in frame.columns or targets):
        found = ", ".join(map(str, frame.columns)) or "none"
        missing = [name for name in ("path", "label") if name not in frame.columns]
        columns = "the columns" if len(missing) > 1 else "a column"
        what = f"{where} lacks {columns} {' and '.join(missing)}"
        raise UserError(what, f"columns {found}", COLUMN_ADVICE)
    if not len(frame):
        raise UserError(f"{where} has no rows", "", "Add one row an example")
    return _plain_cells(frame, several, targets), targets


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
    """Drop rows that say the same twice; the same example told in two ways is a UserError."""
    repeated = frame.duplicated("path", keep=False)
    if not repeated.any():
        return frame, []
    for column, what in (("label", "labels"), ("split", "splits")):
        told = frame[repeated].groupby("path", sort=False)[column].nunique()
        if (told > 1).any():
            name = frame.loc[frame["path"] == told.index[told > 1][0], "shown"].iloc[0]
            raise UserError(
                f"{(told > 1).sum()} examples of {where} stand there twice with different {what}",
                name,
                "Keep one row an example; several labels are joined by |",
            )
    kept = frame.drop_duplicates("path")
    return kept, [f"{len(frame) - len(kept)} repeated rows of {where} are read once"]


def _plain_cells(frame, several, targets):
    """The four columns with plain cells: str, and for labels str or tuple of str."""
    import pandas as pd

    if targets:
        columns = [frame[name].map(plain_label) for name in several]
        labels = list(zip(*columns, strict=True))
        labels = [label[0] for label in labels] if len(targets) == 1 else labels
    else:
        labels = [plain_label(value) for value in frame["label"]]
    plain = {"path": [_text(value) for value in frame["path"]], "label": labels}
    plain["split"] = _splits(frame["split"]) if "split" in frame.columns else ""
    plain["group"] = [_text(value) for value in frame["group"]] if "group" in frame.columns else ""
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


def _tidy_column(name):
    name = str(name).strip()
    return name.lower() if name.lower() in COLUMNS else name


def _stays_inside(full, base, real_folders):
    """Whether the file is below `base`, links followed. Folders are resolved once each."""
    folder, name = os.path.split(full)
    if folder not in real_folders:
        real_folders[folder] = os.path.realpath(folder)
    real = os.path.join(real_folders[folder], name)
    if os.path.islink(real):
        real = os.path.realpath(real)
    return real.startswith(os.path.join(base, ""))


def _read_parquet(file):
    import pandas as pd

    try:
        return pd.read_parquet(file)
    except ImportError as error:
        raise UserError(
            f"{file} cannot be read without pyarrow", "", "pip install pyarrow, or save it as .csv"
        ) from error
    except (ValueError, OSError) as error:  # ArrowInvalid is a ValueError
        raise UserError(f"{file} is not a parquet file", str(error).splitlines()[0]) from error


def _read_csv(file):
    """The cells of a .csv as text; commas, semicolons and tabs separate."""
    import pandas as pd

    text = _read_text(file)
    if not text.strip():
        raise UserError(f"{file} is empty", "", COLUMN_ADVICE)
    separator = max(",;\t", key=text.lstrip().splitlines()[0].count)
    try:
        # The header is read as a row: pandas would rename a column that stands there twice.
        cells = pd.read_csv(
            io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, header=None
        )
    except ValueError as error:  # ParserError is one
        what = str(error).splitlines()[0]
        raise UserError(f"{file} is not a csv table", what, COLUMN_ADVICE) from error
    frame = cells.iloc[1:].set_axis(list(cells.iloc[0]), axis=1)
    frame = frame.fillna("")
    return _decimal_points(frame) if separator == ";" else frame


def _decimal_points(frame):
    """3,5 becomes 3.5 in label columns: where semicolons separate, commas are decimal."""
    for name in frame.columns:
        cells = frame[name]
        numbers = cells.str.fullmatch(DECIMAL_COMMA)
        if str(name).lower().startswith("label") and numbers.any():
            frame[name] = cells.where(~numbers, cells.str.replace(",", "."))
    return frame


def _read_text(file):
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read", error.strerror) from error
    advice = "Save it as UTF-8: spreadsheets call it CSV UTF-8"
    if b"\x00" in data:
        raise UserError(f"{file} is not a csv table", "binary data or UTF-16", advice)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{file} is not UTF-8 text", f"line {line}", advice) from error
