"""A score and its 95 % interval, from one formula.

Each score that has an interval is a function of weights (draws, n), how often each example
counts, to one value a draw. Weights of 1 give the score itself, so that a score and its
bootstrap cannot come from two formulas. tests/test_scores.py holds them against scikit-learn.
"""

import math

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.evaluate.intervals import (
    DRAWS,
    NORMAL_95,
    bootstrap,
    draw_scores,
    effective_wilson,
    group_numbers,
    has_groups,
    percentiles,
    student,
)

MOST_WORK = 100_000_000  # draws x examples x passes over them: two or three seconds
LEAST_DRAWS = 200  # for a standard deviation to 5 %
STEADY = 1e-15  # a variance that is rounding only
WIDEST = 50.0  # of an interval's log: wider ones only overflow
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

    def score(self, statistic):
        """A list of {value, low, high}, one a score of the statistic.

        The percentile interval of a biased score can miss the score; it is then widened to it.
        """
        ends = bootstrap(statistic, self.n, self.groups, self.seed)
        values = self.value(statistic)
        return [with_interval(value, *end) for value, end in zip(values, ends, strict=True)]

    def sample(self, statistics, passes=1):
        """All scores of a split and their draws at once.

        Args:
            statistics: weights (draws, n) -> {name: (draws,) or (draws, k)}.
            passes: over the weights that it makes: with many, of many examples, there are fewer
                draws.
        """
        draws = MOST_WORK // max(1, self.n * passes)
        return Sample(self, statistics, min(DRAWS, max(LEAST_DRAWS, draws)))

    def units(self, inside):
        """How many independent units (k,) are among the examples of each column of a bool (n, k):
        groups, or examples where there are none."""
        if self.groups is None:
            return inside.sum(axis=0)
        order = np.argsort(self.numbers, kind="stable")
        starts = np.flatnonzero(np.diff(self.numbers[order], prepend=-1))
        return np.logical_or.reduceat(inside[order], starts, axis=0).sum(axis=0)


class Sample:
    """Scores and their bootstrap, made in one go; each becomes {value, low, high} in its way.

    `values` and `drawn`: {name: float64 (k,)} and {name: float64 (draws, k)}.
    """

    def __init__(self, draws, statistics, count):
        one = statistics(np.ones((1, draws.n)))
        widths = {name: np.size(part) for name, part in one.items()}
        self.values = {name: np.reshape(part, -1) for name, part in one.items()}
        self.plain = draws.groups is None

        def flat(weights):
            parts = statistics(weights).values()
            return np.concatenate([np.reshape(part, (len(weights), -1)) for part in parts], axis=1)

        drawn, self.units = draw_scores(flat, draws.n, draws.groups, draws.seed, count)
        ends = np.cumsum([0, *widths.values()])
        self.drawn = {
            name: drawn[:, low:high]
            for name, low, high in zip(widths, ends[:-1], ends[1:], strict=True)
        }

    def value(self, name):
        """The score alone."""
        return number(self.values[name][0])

    def percentile(self, name):
        """Of a mean or an error: the percentiles of its draws."""
        return with_interval(self.value(name), *percentiles(self.drawn[name][:, 0], self.units))

    def positive(self, name, most=np.inf):
        """Of a mean of losses or errors, which is skewed: Student's t on the scale of its log.

        Args:
            most: the largest that it can be.
        """
        value, drawn = self.value(name), self.drawn[name][:, 0]
        some = drawn[drawn > 0]
        if not value or not len(some):
            end = value if len(drawn) else None
            return with_interval(value, end, end)
        # a bootstrap's variance is short of one unit
        spread = np.log(some).std() * np.sqrt(self.units / (self.units - 1))
        ratio = float(np.exp(min(WIDEST, student(self.units) * spread)))
        return with_interval(value, value / ratio, min(value * ratio, most))

    def share(self, name, examples, units):
        """{value, low, high} of a plain share of examples; arguments as of `shares`."""
        low, high = self.shares(name, examples, units)
        return with_interval(self.value(name), *map(number, (low[0], high[0])))

    def shares(self, name, examples, units):
        """The ends (low (k,), high (k,)) of plain shares: Wilson's interval, with groups that of
        the effective number of examples.

        Args:
            examples: that each is a share of (k,); units: groups among them (k,).
        """
        if self.plain:
            n = np.where(np.asarray(examples) > 0, examples, np.nan)
            return effective_wilson(self.values[name], n, NORMAL_95)
        # how many of these units are drawn varies: that makes up for the unit that a variance of
        # few is short of
        return self._effective(name, units, self.units, units, np.asarray(examples, np.float64))

    def bounded(self, name, least, most=np.inf):
        """{value, low, high} of another score in 0..1, as certain as a share of so many examples
        that its draws would vary as much.

        Args:
            least: how many examples it is as good as where draws do not vary at all, for example
                since all are right; most: how many it can be as good as.
        """
        units = np.minimum(least, self.units)
        low, high = self._effective(name, units, units, least, most)
        return with_interval(self.value(name), *map(number, (low[0], high[0])))

    def _effective(self, name, units, drawn_units, least, most):
        """The ends (low (k,), high (k,)) by the variance of the draws; `units`: for Student's t,
        `drawn_units`: of one of which a bootstrap's variance is short."""
        value, drawn = self.values[name], self.drawn[name]
        units, drawn_units, least = (
            np.broadcast_to(np.asarray(sizes, np.float64), value.shape)
            for sizes in (units, drawn_units, least)
        )
        defined = ~np.isnan(drawn)
        times = defined.sum(axis=0)
        mean = share(np.where(defined, drawn, 0).sum(axis=0), times)
        squares = np.where(defined, (drawn - mean) ** 2, 0).sum(axis=0)
        variance = share(squares, times) * share(drawn_units, drawn_units - 1)
        effective = np.minimum(share(value * (1 - value), variance), most)
        steady = ~(variance > STEADY)
        effective = np.where(steady, least, effective)
        return effective_wilson(value, np.where(effective > 0, effective, np.nan), student(units))

    def distance(self, name, noise):
        """Of a distance from 0, which chance makes larger, and in a draw again.

        The low end takes off all that chance can add, what it adds where the true distance is 0;
        the high end only what it adds to the draws. Neither is below 0.

        Args:
            noise: of the statistic that says how far a draw is from the examples themselves.
        """
        value, drawn = self.value(name), self.drawn[name][:, 0]
        low, high = percentiles(drawn, self.units)
        if low is not None:
            least = value - self.drawn[noise].mean() - student(self.units) * drawn.std()
            low, high = max(0.0, float(least)), high - 2 * float(drawn.mean() - value)
        return with_interval(value, low, high)


def with_interval(value, low, high):
    """{value, low, high}, all None where the value is; the interval holds the value."""
    if value is None:
        low = high = None
    elif low is not None:
        low, high = min(low, value), max(high, value)
    return {"value": value, "low": low, "high": high}


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
