"""What a network is worth on examples that did not train it."""

from typing import NamedTuple

import numpy as np

from keras_transfer.inputs.common.arrays import take
from keras_transfer.strategies.common.temperature import fit_temperature

CLEAR = 3  # standard errors


class Judgement(NamedTuple):
    """How good predictions are.

    The loss is the mean squared error of probabilities (Brier 1950), or of numbers in units of
    their spread. It is bounded, so that a few examples about which a network is sure and wrong do
    not decide alone: on a fifth of a small set it tells a tuned network from a head three times
    as clearly as the log loss (inside train, on real images). Confidence is set right first, by
    one temperature (Guo et al. 2017, arXiv:1706.04599): a tuned network is nearly always too sure
    of itself, and a better one would lose for that alone.
    """

    loss: float
    temperature: float
    metric: float  # see `Task.metric`
    errors: np.ndarray  # what each example adds to the loss


def judge(task, targets, predictions, weights=None):
    """The Judgement of `predictions` (n, ...) against `targets`, as `task.encode` gives them.

    `weights` (n,) say how much each example counts in the loss; by default all alike.
    """
    temperature = fit_temperature(task, targets, predictions, weights)
    tempered = task.tempered(predictions, temperature)
    errors = task.brier_scores(targets, predictions if tempered is None else tempered)
    metric = task.metric(targets, predictions)
    return Judgement(_mean(errors, weights), temperature, metric, errors)


def clearly_better(one, other, by=CLEAR):
    """Whether Judgement `one` beats `other` on the same examples by so many standard errors."""
    gains = other.errors - one.errors
    return gains.mean() > by * gains.std() / np.sqrt(len(gains))


def _mean(losses, weights):
    return float(np.average(losses, weights=weights))


def judge_indices(dataset, indices, predictions, config):
    """The Judgement of `predictions` for the examples of a dataset at `indices`."""
    weights = dataset.weights(indices, config.class_weight)
    return judge(dataset.task, take(dataset.targets, indices), predictions, weights)
