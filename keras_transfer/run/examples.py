"""The examples of a run that are worth a look, and where they are."""

import numpy as np

from keras_transfer.config import IN_MEMORY
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError


def worst(scored, most):
    """Indices of mistakes, those that the model was surest of first; of numbers the most wrong.

    Args:
        scored: `run.scored.Scored`; most: at most so many.
    """
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
