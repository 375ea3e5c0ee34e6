"""What a run predicted for the examples that it was scored on, read from its folder."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import take
from keras_transfer.model.keras_file import read_spec
from keras_transfer.run.roles import SPLITS_FILE
from keras_transfer.run.scored_arrays import read_arrays
from keras_transfer.run.tables import (
    LINES_FILE,
    PREDICTIONS_FILE,
    TEXTS,
    check_lengths,
    read_lines,
    read_table,
    with_numbers,
)
from keras_transfer.tasks import load_task


@dataclass(frozen=True)
class Scored:
    """The scored examples of one run, or some of them.

    Attributes:
        run: `run.folder.Run`; spec: the ModelSpec of its model.
        task: one of `tasks`.
        table: DataFrame, one row an example: path, split, label and predicted (texts), sha256,
            group, and the predictions, a column an output.
        trained: contents (sha256) that trained the run.
        has_groups: whether its splits.csv tells groups: older ones do not.
        arrays: (predictions, targets) of predictions that are no rows of numbers, else None; the
            column `row` of the table says which are an example's.
    """

    run: Any
    spec: Any
    task: Any
    table: Any
    trained: frozenset
    has_groups: bool
    arrays: Any = None

    def of(self, table):
        """The same of other rows, or of rows in another order."""
        return replace(self, table=table)

    def of_split(self, split):
        """The examples of one split."""
        return self.of(self.table[self.table["split"] == split].reset_index(drop=True))

    @cached_property
    def predictions(self):
        """Predictions float64 (n, k), or as `predictions.npz` has them."""
        if self.arrays is not None:
            return take(self.arrays[0], self.table["row"].to_numpy())
        return self.table[_columns(self.task)].to_numpy(np.float64)

    @cached_property
    def labels(self):
        """Labels (n,) as the task wants them."""
        labels = self.task.read_labels(list(self.table["label"]), list(self.table["path"]))
        self.task.check_known(labels)
        return labels

    @cached_property
    def targets(self):
        """Targets: what the task makes of the labels, or made when it was trained."""
        if self.arrays is not None:
            return take(self.arrays[1], self.table["row"].to_numpy())
        return self.task.encode(self.labels)


def read_scored(run):
    """The Scored of a finished Run.

    Raises:
        UserError: a file is missing or damaged.
    """
    file = run.folder / "model.keras"
    if not file.is_file():
        raise UserError("the run's model is gone", file, "Train it again")
    spec = read_spec(file)
    task = load_task(spec)
    splits = read_table(run.folder / SPLITS_FILE, ["path", "split", "role", "sha256"])
    found, file, arrays = (_read_rows if task.tabular else _read_arrays)(run, task)
    has_groups = "group" in splits
    splits = splits if has_groups else splits.assign(group="")
    trained = frozenset(splits["sha256"][splits["role"] == "trained"])
    table = _joined(found, splits, file)
    return Scored(run, spec, task, table, trained, has_groups, arrays)


def _read_rows(run, task):
    """(the table of predictions, its file, None)."""
    numbers, file = _columns(task), run.folder / PREDICTIONS_FILE
    found = with_numbers(read_table(file, [*TEXTS, *numbers]), numbers, file)
    check_lengths(run, found)
    return found, file, None


def _read_arrays(run, task):
    """(the table of examples, its file, (predictions, targets))."""
    file = run.folder / LINES_FILE
    found = read_lines(file)
    check_lengths(run, found, LINES_FILE)
    found = found.assign(row=np.arange(len(found)))
    return found, file, read_arrays(run.folder, len(found))


def read_last_split(run):
    """The Scored of the split that a run shows, its last."""
    return read_scored(run).of_split(list(run.metrics["splits"])[-1])


def _columns(task):
    return [f"{task.column}_{name}" for name in task.outputs]


def _joined(found, splits, file):
    """Predictions with the content and group of each example.

    Names of examples may repeat (arrays have none of their own): the order tells them apart.
    """
    key = ["path", "split"]
    found, splits = (table.assign(place=table.groupby(key).cumcount()) for table in (found, splits))
    columns = [*key, "place", "sha256", "group"]
    table = found.merge(splits[columns], "left", [*key, "place"], validate="one_to_one")
    unknown = table["path"][table["sha256"].isna()]
    if len(unknown):
        advice = f"{SPLITS_FILE} and {file.name} are of different runs"
        raise UserError(
            f"an example that {SPLITS_FILE} lacks", f"{file}: {unknown.iloc[0]}", advice
        )
    return table.drop(columns="place")
