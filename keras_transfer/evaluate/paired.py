"""Is one model better than another by more than chance: paired tests on the same examples.

Each example gives a difference: the score of one model less that of the other. What belongs
together (a patient's examples) counts as one.
"""

import math
from typing import NamedTuple

import numpy as np

from keras_transfer.evaluate.intervals import bootstrap, group_numbers, has_groups, wilson

CHANCE = 0.05  # of calling two models different that are not
FLIPS = 9999  # of signs drawn at random
FLIPS_A_PAIR = 200  # at least, or the smallest p-value times the pairs could not get small
ALL_FLIPS = 13  # units up to which every flip of their signs is tried: 8192
CHUNK = 4_000_000  # signs held at once: 32 MB
ROUNDING = 1e-12  # sums that differ by less are equal


class Difference(NamedTuple):
    """How much better one model is than another.

    Attributes:
        value: mean difference of the scores; low, high: its 95 % interval, None where nothing can
            be known of it.
        p_value: two-sided, of this pair alone.
        p_holm: the same after Holm's correction for all pairs.
        test: which one it is, in words.
    """

    value: float
    low: float | None
    high: float | None
    p_value: float
    p_holm: float
    test: str

    @property
    def more_than_chance(self):
        return self.p_holm < CHANCE


def compare_pairs(scores, pairs, exact=False, groups=None, seed=0):
    """The Difference of each pair of models, on the same examples.

    Args:
        scores: float (n, models), higher is better; exact: whether all are 0 or 1.
        pairs: (one, other) model numbers; a difference is one less other.
        groups: (n,) names of what belongs together, "" for an example on its own; or None.
        seed: of signs and draws.

    Returns:
        A list of Difference, in the order of `pairs`. Of 0/1 scores without groups: McNemar's
        exact test and Newcombe's interval; of others signs flipped at random, and the percentile
        interval of a bootstrap, both of whole groups.
    """
    scores, pairs = np.asarray(scores, np.float64), list(pairs)
    differences = np.stack([scores[:, a] - scores[:, b] for a, b in pairs], axis=1)
    grouped = has_groups(groups, len(scores))
    if exact and not grouped:
        test = "McNemar's exact test"
        p_values = [mcnemar((d < 0).sum(), (d > 0).sum()) for d in differences.T]
        ends = [newcombe(scores[:, a] > 0.5, scores[:, b] > 0.5) for a, b in pairs]
    else:
        test = "signs flipped at random" + (", group by group" if grouped else "")
        sums = unit_sums(differences, groups if grouped else None)
        p_values = flip_signs(sums, max(FLIPS, FLIPS_A_PAIR * len(pairs)), seed=seed)
        ends = _bootstrap_mean(differences, groups if grouped else None, seed)
    values, corrected = differences.mean(axis=0), holm(p_values)
    return [
        Difference(float(value), low, high, float(p), float(p_holm), test)
        for value, (low, high), p, p_holm in zip(values, ends, p_values, corrected, strict=True)
    ]


def mcnemar(worse, better, one_sided=False):
    """The p-value of McNemar's exact test (1947).

    Args:
        worse, better: of how many examples only one of the models is right.
        one_sided: whether only `worse` in excess counts against chance.
    """
    if worse + better == 0:
        return 1.0
    from scipy.stats import binomtest

    side = "greater" if one_sided else "two-sided"
    return float(binomtest(int(worse), int(worse + better), 0.5, alternative=side).pvalue)


def flip_signs(sums, flips=FLIPS, one_sided=False, seed=0):
    """p-values of signs flipped at random (Pitman 1937): which model is which, is a coin's toss.

    Of few units every flip is tried. All pairs share the flips.

    Args:
        sums: (units, pairs), what `unit_sums` gives; one_sided: whether only large sums count.

    Returns:
        float (pairs,).
    """
    sums = np.asarray(sums, np.float64)
    units, pairs = sums.shape
    found = sums.sum(axis=0)
    as_large, every = np.zeros(pairs, np.int64), units <= ALL_FLIPS
    for signs in _all_signs(units) if every else _random_signs(units, flips, seed):
        flipped = signs @ sums
        if not one_sided:
            flipped, wanted = np.abs(flipped), np.abs(found)
        else:
            wanted = found
        as_large += (flipped >= wanted - ROUNDING * np.abs(sums).sum(axis=0)).sum(axis=0)
    # what was found is one of the flips, and is among all of them already
    return as_large / 2**units if every else (as_large + 1) / (flips + 1)


def best_p_value(gains, groups=None, seed=0):
    """The p-value of the largest mean gain among candidates that were tried: one-sided.

    Signs are flipped at random, those of an example for all candidates alike, and what was found
    is held against the largest mean of each flip: the more was tried, the better the best one has
    to be (Westfall and Young 1993).

    Args:
        gains: float (n, candidates), of each example; groups: as of `compare_pairs`.
    """
    gains = np.asarray(gains, np.float64)
    sums = unit_sums(gains, groups if has_groups(groups, len(gains)) else None)
    found, units = sums.sum(axis=0).max(), len(sums)
    every = units <= ALL_FLIPS
    signs = _all_signs(units) if every else _random_signs(units, FLIPS, seed)
    rounding = ROUNDING * np.abs(sums).sum()
    as_large = sum(((s @ sums).max(axis=1) >= found - rounding).sum() for s in signs)
    return float(as_large / 2**units if every else (as_large + 1) / (FLIPS + 1))


def _all_signs(units):
    numbers = np.arange(2**units)[:, None]
    yield np.where(numbers >> np.arange(units) & 1, 1.0, -1.0)


def _random_signs(units, flips, seed):
    rng, rows = np.random.default_rng(seed), max(1, CHUNK // units)
    for first in range(0, flips, rows):
        bits = rng.integers(0, 2, (min(rows, flips - first), units), dtype=np.int8)
        yield 2.0 * bits - 1.0


def unit_sums(differences, groups=None):
    """Differences (n, pairs) summed over each group: (units, pairs).

    A unit that differs in no pair is dropped: flipping it changes nothing.
    """
    differences = np.asarray(differences, np.float64)
    if groups is not None:
        numbers = group_numbers(groups)
        columns = [np.bincount(numbers, column) for column in differences.T]
        differences = np.stack(columns, axis=1)
    return differences[(differences != 0).any(axis=1)]


def newcombe(one, other):
    """95 % interval of the difference of two paired shares (Newcombe 1998, method 10).

    From Wilson's interval of each share and their correlation; stays within -1..1 and is not a
    point where the models differ nowhere (doi:10.1002/(SICI)1097-0258(19981130)17:22<2635).

    Args:
        one, other: bool (n,), of which examples each model is right.

    Returns:
        (low, high) of the share of `one` less that of `other`.
    """
    n = len(one)
    shares = one.mean(), other.mean()
    (low_1, high_1), (low_2, high_2) = (wilson(int(right.sum()), n) for right in (one, other))
    phi = _correlation(one, other)
    difference = shares[0] - shares[1]

    def reach(first, second):
        inside = first**2 - 2 * phi * first * second + second**2
        return math.sqrt(max(0.0, inside))

    low = difference - reach(shares[0] - low_1, high_2 - shares[1])
    high = difference + reach(high_1 - shares[0], shares[1] - low_2)
    return float(max(-1.0, low)), float(min(1.0, high))


def _correlation(one, other):
    """Newcombe's phi: corrected for continuity where it is positive; 0 where one is constant."""
    both, neither = int((one & other).sum()), int((~one & ~other).sum())
    only_one, only_other = int((one & ~other).sum()), int((~one & other).sum())
    margins = (both + only_one) * (only_other + neither) * (both + only_other)
    margins *= only_one + neither
    if not margins:
        return 0.0
    product, n = both * neither - only_one * only_other, len(one)
    if product > 0:
        product = max(0.0, product - n / 2)
    return product / math.sqrt(margins)


def holm(p_values):
    """Holm's step-down correction (1979): float (n,), each at least its p-value and at most 1."""
    p_values = np.asarray(p_values, np.float64)
    order, n = np.argsort(p_values, kind="stable"), len(p_values)
    stepped = np.maximum.accumulate(p_values[order] * np.arange(n, 0, -1))
    corrected = np.empty(n)
    corrected[order] = np.minimum(1.0, stepped)
    return corrected


def _bootstrap_mean(differences, groups, seed):
    """(low, high) of each pair's mean difference; widened to it where few groups miss it."""

    def means(weights):
        return weights @ differences / weights.sum(axis=1, keepdims=True)

    ends = bootstrap(means, len(differences), groups, seed)
    return [
        (low, high) if low is None else (min(low, value), max(high, value))
        for (low, high), value in zip(ends, differences.mean(axis=0).tolist(), strict=True)
    ]
