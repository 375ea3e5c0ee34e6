"""Read the cells of .csv, .jsonl and .parquet files, whatever their columns mean."""

import io
import json
import re

from keras_transfer.errors import UserError

COLUMNS = ("path", "file_name", "label", "split", "group", "class_group")
COLUMN_ADVICE = "A table has the columns file_name,label and may have split,group"
JSON_ADVICE = (
    'A line is for example {"file_name": "1.jpg", "label": "cat"}; a list is several labels'
)
IMAGES_ADVICE = "Write the images as files, and a metadata.csv with file_name,label beside them"
DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


def read_table_file(file):
    """The DataFrame that lies in a .csv, .jsonl or .parquet file, its cells untouched."""
    read = {".parquet": _read_parquet, ".jsonl": _read_json_lines}
    return read.get(file.suffix.lower(), _read_csv)(file)


def tidy_column(name):
    """A column's name as the package writes it: those it knows in lower case."""
    name = str(name).strip()
    return name.lower() if name.lower() in COLUMNS else name


def _read_parquet(file):
    import pandas as pd

    try:
        _refuse_images(file)
        return pd.read_parquet(file)
    except ImportError as error:
        raise UserError(
            f"{file} cannot be read without pyarrow", "", "pip install pyarrow, or save it as .csv"
        ) from error
    except (ValueError, OSError) as error:  # ArrowInvalid is a ValueError
        raise UserError(f"{file} is not a parquet file", str(error).splitlines()[0]) from error


def _refuse_images(file):
    """Refuse a parquet file that holds images itself, before they are all read."""
    from pyarrow import parquet, types

    for column in parquet.read_schema(file):
        kind, name = column.type, tidy_column(column.name)
        encoded = types.is_struct(kind) and kind.get_field_index("bytes") >= 0
        binary = types.is_binary(kind) or types.is_large_binary(kind)
        if encoded or (binary and not _is_known(name)):
            raise UserError(f"{file} holds the images themselves", f"column {name}", IMAGES_ADVICE)


def _read_json_lines(file):
    """The cells of a .jsonl, one object a line; whole numbers as text, so that none is rounded."""
    import pandas as pd

    rows = []
    for number, line in enumerate(_read_text(file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_int=str)
            json.dumps(row, ensure_ascii=False).encode()  # half a character is an error as well
        except (ValueError, RecursionError) as error:
            raise UserError(f"line {number} of {file} is not JSON", error, JSON_ADVICE) from error
        if not isinstance(row, dict):
            raise UserError(f"line {number} of {file} is no object", line.strip()[:40], JSON_ADVICE)
        nested = [name for name, value in row.items() if _is_nested(tidy_column(name), value)]
        if nested:
            raise UserError(f"line {number} of {file} has a nested value", nested[0], JSON_ADVICE)
        rows.append(row)
    if not rows:
        raise UserError(f"{file} is empty", "", JSON_ADVICE)
    return pd.DataFrame(rows)


def _is_nested(name, value):
    """Whether a value of a known column is more than text, a number or, as a label, texts."""
    if name == "label" and isinstance(value, list):
        return not all(isinstance(part, str) for part in value)
    return _is_known(name) and isinstance(value, (dict, list))


def _is_known(column):
    return column in COLUMNS or column.startswith("label_")


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
        kind = file.suffix.lower()[1:]
        raise UserError(f"{file} is not a {kind} table", "binary data or UTF-16", advice)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{file} is not UTF-8 text", f"line {line}", advice) from error
