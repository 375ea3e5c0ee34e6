"""All scores of a split and their 95 % intervals, from one bootstrap.

Percentiles of a bootstrap hold the truth too seldom where units are few or a score is near 1;
tests/test_interval_coverage.py measures what is done here in their place.
"""

import numpy as np

from keras_transfer.evaluate.draws import number, share, with_interval
from keras_transfer.evaluate.intervals import (
    DRAWS,
    NORMAL_95,
    draw_scores,
    effective_wilson,
    percentiles,
    student,
)

MOST_WORK = 100_000_000  # draws x examples x passes over them: two or three seconds
LEAST_DRAWS = 200  # for a standard deviation to 5 %
STEADY = 1e-15  # a variance that is rounding only
WIDEST = 50.0  # of an interval's log: wider ones only overflow


class Sample:
    """Scores and their bootstrap, made in one go; each becomes {value, low, high} in its way.

    `values` and `drawn`: {name: float64 (k,)} and {name: float64 (draws, k)}.

    Args:
        draws: the Draws of the examples.
        statistics: weights (draws, n) -> {name: (draws,) or (draws, k)}.
        passes: over the weights that it makes: with many, of many examples, there are fewer draws.
    """

    def __init__(self, draws, statistics, passes=1):
        one = statistics(np.ones((1, draws.n)))
        widths = {name: np.size(part) for name, part in one.items()}
        self.values = {name: np.reshape(part, -1) for name, part in one.items()}
        self.plain = draws.groups is None

        def flat(weights):
            parts = statistics(weights).values()
            return np.concatenate([np.reshape(part, (len(weights), -1)) for part in parts], axis=1)

        count = min(DRAWS, max(LEAST_DRAWS, MOST_WORK // max(1, draws.n * passes)))
        drawn, self.units = draw_scores(flat, draws.n, draws.groups, draws.seed, count)
        ends = np.cumsum([0, *widths.values()])
        self.drawn = {
            name: drawn[:, low:high]
            for name, low, high in zip(widths, ends[:-1], ends[1:], strict=True)
        }

    def value(self, name):
        """The score alone."""
        return number(self.values[name][0])

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
        variance = np.log(some).var() * self.units / (self.units - 1)
        ratio = float(np.exp(min(WIDEST, student(self.units) * np.sqrt(variance))))
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
        value = self.values[name]
        if self.plain:
            n = np.where(np.asarray(examples) > 0, examples, np.nan)
            return effective_wilson(value, n, NORMAL_95)
        variance = spread(self.drawn[name]) * self.units / max(1, self.units - 1)
        return _wilson(value, share(value * (1 - value), variance), units, units)

    def bounded(self, name, least):
        """{value, low, high} of another score in 0..1, as certain as a share of so many examples
        that its draws would vary as much.

        Args:
            least: how many examples it is as good as where draws do not vary at all, for example
                since all are right.
        """
        value, units = self.values[name], np.minimum(least, self.units)
        variance = spread(self.drawn[name]) * share(units, units - 1)
        return self._bounded(name, share(value * (1 - value), variance), units, least)

    def area(self, name, least, most):
        """{value, low, high} of an area under a curve: as `bounded`, but how draws vary is measured
        on the scale of log-odds, where an area is nearest to normal.

        Args:
            least: as of `bounded`; most: how many examples it can be as good as.
        """
        units = np.minimum(least, self.units)
        # half an example on either side, so that no log-odds are infinite
        value, drawn = (
            (s * most + 0.5) / (most + 1) for s in (self.values[name], self.drawn[name])
        )
        variance = spread(np.log(drawn) - np.log1p(-drawn)) * share(units, units - 1)
        effective = np.minimum(share(np.ones(1), variance * value * (1 - value)), most)
        return self._bounded(name, effective, units, least)

    def _bounded(self, name, effective, units, least):
        low, high = _wilson(self.values[name], effective, units, least)
        return with_interval(self.value(name), *map(number, (low[0], high[0])))

    def distance(self, name, noise):
        """Of a distance in 0..1, which chance makes larger, and in a draw again.

        The low end takes off all that chance can add, what it adds where the true distance is 0;
        the high end only what it adds to the draws. Neither leaves 0..1.

        Args:
            noise: of the statistic that says how far a draw is from the examples themselves.
        """
        value, drawn = self.value(name), self.drawn[name][:, 0]
        low, high = percentiles(drawn, self.units)
        if low is not None:
            least = value - self.drawn[noise].mean() - student(self.units) * drawn.std()
            high = min(1.0, high - 2 * float(drawn.mean() - value))
            low = max(0.0, float(least))
        return with_interval(value, low, high)


def score_shares(parts, draws):
    """{name: {value, low, high}} of shares of some of the examples.

    Args:
        parts: {name: (inside, hit)}, bool (n,): which examples a share is of, and which count.
        draws: the Draws of all examples.
    """

    def statistics(weights):
        return {
            name: share(weights @ (inside & hit), weights @ inside.astype(np.float64))
            for name, (inside, hit) in parts.items()
        }

    sample = Sample(draws, statistics)
    return {
        name: sample.share(name, inside.sum(keepdims=True), draws.units(inside[:, None]))
        for name, (inside, _) in parts.items()
    }


def _wilson(value, effective, units, least):
    """Ends (k,) by effective numbers of examples; NaN or 0 where draws do not vary: `least`."""
    some = np.where(effective > 0, effective, least)
    return effective_wilson(value, np.where(some > 0, some, np.nan), student(units))


def spread(drawn):
    """The variance (k,) of draws (draws, k) as far as they are defined; 0 for rounding alone."""
    times = (~np.isnan(drawn)).sum(axis=0)
    mean = share(np.nansum(drawn, axis=0), times)
    variance = share(np.nansum((drawn - mean) ** 2, axis=0), times)
    return np.where(variance > STEADY, variance, 0.0)
