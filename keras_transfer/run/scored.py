"""What a run predicted for the examples that it was scored on, read from its folder."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.model.keras_file import read_spec
from keras_transfer.run.roles import SPLITS_FILE
from keras_transfer.run.tables import PREDICTIONS_FILE, check_lengths, read_table, with_numbers
from keras_transfer.tasks import load_task


@dataclass(frozen=True)
class Scored:
    """The scored examples of one run.

    Attributes:
        name: what to call the run; run: `run.folder.Run`; spec: the ModelSpec of its model.
        task: one of `tasks`.
        table: DataFrame, one row an example: path, split, label (text), sha256, group, and the
            predictions, a column an output.
        trained: contents (sha256) that trained the run.
        has_groups: whether its splits.csv tells groups: older ones do not.
    """

    name: str
    run: Any
    spec: Any
    task: Any
    table: Any
    trained: frozenset
    has_groups: bool

    def predictions(self, table, outputs):
        """Predictions float64 (n, k) for rows of `table`, in the order of the names `outputs`."""
        return table[[f"{self.task.column}_{name}" for name in outputs]].to_numpy(np.float64)

    def targets(self, table):
        """Targets for rows of `table`: what the task makes of the labels' text."""
        labels = [self.task.label_from_text(text) for text in table["label"]]
        labels = self.task.parse(labels, list(table["path"]))
        self.task.check_known(labels)
        return self.task.encode(labels)


def read_scored(run, name):
    """The Scored of a finished Run.

    Raises:
        UserError: a file is missing or damaged, or a prediction is no row of numbers.
    """
    file = run.folder / "model.keras"
    if not file.is_file():
        raise UserError("the run's model is gone", file, "Train it again")
    spec = read_spec(file)
    task = load_task(spec)
    if not task.tabular:
        advice = "Compare their scores in metrics.json"
        raise UserError("predictions that are no rows of numbers cannot be compared", name, advice)
    numbers = [f"{task.column}_{output}" for output in task.outputs]
    splits = read_table(run.folder / SPLITS_FILE, ["path", "split", "role", "sha256"])
    found = read_table(run.folder / PREDICTIONS_FILE, ["path", "split", "label", *numbers])
    found = with_numbers(found, numbers, run.folder / PREDICTIONS_FILE)
    check_lengths(run, found)
    has_groups = "group" in splits
    splits = splits if has_groups else splits.assign(group="")
    trained = frozenset(splits["sha256"][splits["role"] == "trained"])
    table = _joined(found, splits, run.folder / PREDICTIONS_FILE)
    return Scored(name, run, spec, task, table, trained, has_groups)


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
