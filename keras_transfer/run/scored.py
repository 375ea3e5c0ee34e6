"""What a run predicted for the examples that it was scored on, read from its folder."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.model.keras_file import read_spec
from keras_transfer.run.roles import SPLITS_FILE
from keras_transfer.run.tables import PREDICTIONS_FILE, check_lengths, read_table, with_numbers
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
    """

    run: Any
    spec: Any
    task: Any
    table: Any
    trained: frozenset
    has_groups: bool

    def of(self, table):
        """The same of other rows, or of rows in another order."""
        return replace(self, table=table)

    def of_split(self, split):
        """The examples of one split."""
        return self.of(self.table[self.table["split"] == split].reset_index(drop=True))

    @cached_property
    def predictions(self):
        """Predictions float64 (n, k)."""
        return self.table[_columns(self.task)].to_numpy(np.float64)

    @cached_property
    def labels(self):
        """Labels (n,) as the task wants them."""
        labels = self.task.read_labels(list(self.table["label"]), list(self.table["path"]))
        self.task.check_known(labels)
        return labels

    @cached_property
    def targets(self):
        """Targets: what the task makes of the labels."""
        return self.task.encode(self.labels)


def read_scored(run):
    """The Scored of a finished Run; None where its predictions are no rows of numbers.

    Raises:
        UserError: a file is missing or damaged.
    """
    file = run.folder / "model.keras"
    if not file.is_file():
        raise UserError("the run's model is gone", file, "Train it again")
    spec = read_spec(file)
    task = load_task(spec)
    if not task.tabular:
        return None
    numbers, file = _columns(task), run.folder / PREDICTIONS_FILE
    splits = read_table(run.folder / SPLITS_FILE, ["path", "split", "role", "sha256"])
    found = read_table(file, ["path", "split", "label", "predicted", *numbers])
    found = with_numbers(found, numbers, file)
    check_lengths(run, found)
    has_groups = "group" in splits
    splits = splits if has_groups else splits.assign(group="")
    trained = frozenset(splits["sha256"][splits["role"] == "trained"])
    table = _joined(found, splits, file)
    return Scored(run, spec, task, table, trained, has_groups)


def read_last_split(run):
    """The Scored of the split that a run shows, its last; None as of `read_scored`."""
    scored = read_scored(run)
    return scored and scored.of_split(list(run.metrics["splits"])[-1])


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
        advice = f"{SPLITS_FILE} and {PREDICTIONS_FILE} are of different runs"
        raise UserError(
            f"an example that {SPLITS_FILE} lacks", f"{file}: {unknown.iloc[0]}", advice
        )
    return table.drop(columns="place")
