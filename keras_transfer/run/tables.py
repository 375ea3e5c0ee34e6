"""CSV files of a run, read again: one that is gone or damaged is a UserError that names it."""

import json

import numpy as np

from keras_transfer.errors import UserError, count

PREDICTIONS_FILE = "predictions.csv"
LINES_FILE = "predictions.jsonl"  # the same of predictions that are no rows of numbers
TEXTS = ("path", "split", "label", "predicted")  # its columns that hold no numbers


def read_table(file, columns=()):
    """A CSV file of a run as a DataFrame of text.

    Args:
        file: its Path; columns: names of those that it needs.

    Raises:
        UserError: it is gone, is no table, or lacks a column.
    """
    import pandas as pd

    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)  # a class may be called NA
    except FileNotFoundError:
        raise UserError("a file of the run is gone", file, "Train it again") from None
    except ValueError as error:
        raise UserError("a file of the run is damaged", f"{file}: {error}") from None
    missing = [column for column in columns if column not in table]
    if missing:
        raise UserError("a file of the run lacks a column", f"{file}: {missing[0]}")
    return table


def read_lines(file):
    """A file of JSON lines as a DataFrame with the columns TEXTS; raises as `read_table`."""
    import pandas as pd

    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return pd.DataFrame([[str(line[name]) for name in TEXTS] for line in lines], columns=TEXTS)
    except FileNotFoundError:
        raise UserError("a file of the run is gone", file, "Train it again") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("a file of the run is damaged", f"{file}: {error}") from None


def with_numbers(table, columns, file):
    """`table` with some columns as float64; a UserError that names `file` where that fails."""
    import pandas as pd

    columns = list(columns)
    try:
        numbers = table[columns].to_numpy(np.float64)
    except ValueError as error:
        raise UserError("a file of the run is damaged", f"{file}: {error}") from None
    if not np.isfinite(numbers).all():  # the end of a line may be missing
        raise UserError("a file of the run is damaged", f"{file}: a number is missing")
    # as one block: of a hundred pandas warns that it is slow
    numbers = pd.DataFrame(numbers, table.index, columns)
    return pd.concat([table.drop(columns=columns), numbers], axis=1)


def read_history(file):
    """`history.csv` as a DataFrame; without rows where a training left none."""
    import pandas as pd

    try:
        table = pd.read_csv(file)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except FileNotFoundError:
        raise UserError("a file of the run is gone", file) from None
    except ValueError as error:
        raise UserError("a file of the run is damaged", f"{file}: {error}") from None
    if not {"epoch", "penalty"} & set(table.columns):
        raise UserError("a file of the run lacks a column", f"{file}: epoch")
    return table


def check_lengths(run, table, name=PREDICTIONS_FILE):
    """A UserError where `table` holds other than all predictions that a Run was scored on."""
    for split, scores in run.metrics["splits"].items():
        check_length(table[table["split"] == split], scores["n"], name, f" of {split}")


def check_length(table, wanted, name, where=""):
    """A UserError where a table holds other than the `wanted` number of examples.

    Args:
        name: of its file; where: which of them were counted.
    """
    if len(table) != wanted:
        found = f"{name}: {count(len(table), 'example')}{where}, {wanted} in metrics.json"
        raise UserError("a file of the run is damaged", found, "Train it again")
