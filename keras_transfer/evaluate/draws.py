"""A score and its 95 % interval, from one formula.

Each score that has an interval is a function of weights (draws, n), how often each example
counts, to one value a draw. Weights of 1 give the score itself, so that a score and its
bootstrap cannot come from two formulas. tests/test_scores.py holds them against scikit-learn.
"""

import math

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.evaluate.intervals import (
    draw_scores,
    group_numbers,
    has_groups,
    percentiles,
    unbiased,
)

LEAST_PROBABILITY = 1e-7  # the log of less is not taken; what Keras's losses use
WORST_LOSS = -math.log(LEAST_PROBABILITY)


class Draws:
    """Turns a statistic over weights into {value, low, high} for n examples."""

    def __init__(self, n, groups=None, seed=0):
        """`groups`: (n,) names of what belongs together, "" for an example on its own; or None."""
        self.n, self.seed = n, seed
        self.groups = groups if has_groups(groups, n) else None
        self.numbers = None if self.groups is None else group_numbers(self.groups)

    def value(self, statistic):
        """The scores themselves, a list: every example counts once."""
        if self.n == 0:
            return [None] * np.size(statistic(np.ones((1, 0))))
        return [number(value) for value in np.ravel(statistic(np.ones((1, self.n))))]

    def score(self, statistic, biased=False):
        """A list of {value, low, high}, one a score of the statistic.

        The percentile interval of a biased score can miss the score; it is then widened to it.

        Args:
            biased: whether scores, shares all of them, lie too high or too low in few examples: the
                interval then also holds what it is without that bias (`intervals.unbiased`).
        """
        drawn, units = draw_scores(statistic, self.n, self.groups, self.seed)
        ends, values = [percentiles(column, units) for column in drawn.T], self.value(statistic)
        if biased:
            ends = [unbiased(*each) for each in zip(drawn.T, values, ends, strict=True)]
        return [with_interval(value, *end) for value, end in zip(values, ends, strict=True)]

    def units(self, inside):
        """How many independent units (k,) are among the examples of each column of a bool (n, k):
        groups, or examples where there are none."""
        if self.groups is None:
            return inside.sum(axis=0)
        order = np.argsort(self.numbers, kind="stable")
        starts = np.flatnonzero(np.diff(self.numbers[order], prepend=-1))
        return np.logical_or.reduceat(inside[order], starts, axis=0).sum(axis=0)


def with_interval(value, low, high):
    """{value, low, high}, all None where the value is; the interval holds the value."""
    if value is None:
        low = high = None
    elif low is not None:
        low, high = min(low, value), max(high, value)
    return {"value": value, "low": low, "high": high}


def is_score(entry):
    """Whether an entry of `metrics.json` is a score with its interval."""
    return isinstance(entry, dict) and {"value", "low", "high"} <= entry.keys()


def number(value):
    """A Python float, None for what is undefined."""
    return float(value) if np.isfinite(value) else None


def share(part, whole):
    """part / whole, NaN where whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def mean_defined(values):
    """Mean over the last axis of what is defined, NaN where nothing is."""
    defined = ~np.isnan(values)
    return share(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def refuse_broken_numbers(predictions, shape):
    """Predictions as float64 of this shape; UserError where they are not finite."""
    predictions = np.asarray(predictions, np.float64)
    if predictions.shape != shape:
        raise ValueError(f"predictions {predictions.shape} do not fit {shape}")
    broken = int((~np.isfinite(predictions).all(axis=1)).sum())
    if broken:
        found = f"for {broken} of {len(predictions)} examples"
        advice = "Training has run away: try a lower --learning-rate, or --precision float32"
        raise UserError("the model's predictions are not finite numbers", found, advice)
    return predictions
