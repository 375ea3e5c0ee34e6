"""What a run predicted, read again from its folder, and the examples that are worth a look."""

from typing import Any, NamedTuple

import numpy as np

from keras_transfer.config import IN_MEMORY
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from keras_transfer.model.keras_file import read_spec
from keras_transfer.run.tables import PREDICTIONS_FILE, check_lengths
from keras_transfer.tasks import load_task


class Scored(NamedTuple):
    """The examples of one split that were scored.

    Attributes:
        split: its name.
        task: one of `tasks`.
        table: DataFrame, a row for each: path, label, predicted, ...
        targets, predictions: arrays (n, ...).
    """

    split: str
    task: Any
    table: Any
    targets: np.ndarray
    predictions: np.ndarray


def read_scored(run, split=None):
    """The Scored of a split, by default the last; None where no table holds the predictions."""
    task = load_task(read_spec(run.folder / "model.keras"))
    splits = list(run.metrics["splits"])
    split = splits[-1] if split is None else split
    if split not in splits:
        raise UserError("this run scored no such split", split, f"It has {', '.join(splits)}")
    if not task.tabular:
        return None
    table = run.predictions
    check_lengths(run, table)
    table = table[table["split"] == split].reset_index(drop=True)
    columns = [f"{task.column}_{name}" for name in task.outputs]
    if not set(columns) <= set(table.columns):
        found = f"{run.folder / PREDICTIONS_FILE}: {columns[0]}"
        raise UserError("a file of the run lacks a column", found)
    predictions = table[columns].to_numpy(np.float32)
    labels = [task.read_label(text) for text in table["label"]]
    task.check_known(labels)
    targets = task.encode(labels)
    return Scored(split, task, table, targets, predictions)


def worst(scored, most):
    """Indices of mistakes, those that the model was surest of first; of numbers the most wrong."""
    sure = scored.task.confidence(scored.predictions)
    if sure is None:
        scores = scored.task.example_scores(scored.targets, scored.predictions)
        return np.argsort(scores, kind="stable")[:most]
    wrong = np.flatnonzero(scored.task.wrong(scored.targets, scored.predictions))
    return wrong[np.argsort(-sure[wrong], kind="stable")][:most]


def least_certain(scored, most):
    """Indices of the examples that the model is least sure of; none where it does not say."""
    sure = scored.task.confidence(scored.predictions)
    if sure is None:
        return np.zeros(0, np.int64)
    return np.argsort(sure, kind="stable")[:most]


def find_references(run, data=None):
    """Where each example of a run is: {its name in the run's tables: path of a file, or an array}.

    Args:
        data: where the examples are now, if not where they were.

    Raises:
        UserError: they are nowhere.
    """
    config = run.config
    if data is None and config.data == IN_MEMORY:
        raise UserError("the run's examples were in memory", "", "Name them with --data")
    source = read_source(config.data if data is None else data, config.task, config.modality)
    paths, array = source.table["path"], source.array
    found = paths if array is None else (array[int(row)] for row in paths)
    return dict(zip(source.table["shown"], found, strict=True))
