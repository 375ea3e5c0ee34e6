"""How far a score can be trusted: Wilson's interval and a seeded bootstrap, both 95 %."""

import numpy as np

NORMAL_95 = 1.959963984540054  # 97.5 % quantile of the normal distribution
DRAWS = 1000  # of the bootstrap; its ends then move by about 0.1 standard errors with the seed
CHUNK = 4_000_000  # weights held at once: 32 MB


def wilson(successes, n):
    """Wilson's score interval of a share (Wilson 1927; Brown, Cai and DasGupta 2001).

    Never leaves 0..1 and stays wide where all of a few examples are right.

    Returns:
        (low, high), or (None, None) without any example.
    """
    if n == 0:
        return None, None
    share, square = successes / n, NORMAL_95**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    root = np.sqrt(share * (1 - share) / n + square / (4 * n * n))
    half = NORMAL_95 * root / (1 + square / n)
    # at 0 and n successes the end is exact, and rounding must not show
    low = 0.0 if successes == 0 else max(0.0, float(centre - half))
    high = 1.0 if successes == n else min(1.0, float(centre + half))
    return low, high


def bootstrap(statistic, n, groups=None, seed=0, draws=DRAWS):
    """The percentile interval of scores over seeded draws of the examples, with replacement.

    With groups whole groups are drawn (the cluster bootstrap): examples of one patient are
    alike, and drawing them one by one would make the interval too narrow.

    Args:
        statistic: weights float64 (draws, n), how often each example was drawn -> scores
            (draws,) or (draws, scores); NaN where a draw leaves a score undefined, for example
            without any example of a class. Such draws are skipped of that score's interval.
        n: examples.
        groups: (n,) names of what belongs together, or None: each example stands alone.

    Returns:
        A list of (low, high), one a score; (None, None) where fewer than two things can be
        drawn or no draw defines the score.
    """
    members = np.arange(n) if groups is None else group_numbers(groups)
    units = int(members.max()) + 1 if n else 0
    if units < 2:
        # one unit is drawn again and again: a width of 0 would look like certainty
        width = np.atleast_2d(statistic(np.ones((1, n)))).reshape(1, -1).shape[1]
        return [(None, None)] * width
    rng = np.random.default_rng(seed)
    rows = max(1, CHUNK // n)
    parts = []
    for first in range(0, draws, rows):
        counts = _draw(rng, min(rows, draws - first), units)
        scores = np.asarray(statistic(counts if groups is None else counts[:, members]))
        parts.append(scores.reshape(len(counts), -1))
    return [_percentiles(column) for column in np.concatenate(parts).T]


def group_numbers(groups):
    """Group names (n,) -> whole numbers 0, 1, ... (n,); an example without a name stands alone."""
    numbers, known = np.empty(len(groups), dtype=np.int64), {}
    for row, name in enumerate(groups):
        # NaN is the one name that differs from itself
        missing = name is None or name == "" or name != name
        numbers[row] = known.setdefault(("alone", row) if missing else ("group", name), len(known))
    return numbers


def has_groups(groups, n):
    """Whether `groups` says anything: fewer groups than examples."""
    return groups is not None and n > 0 and int(group_numbers(groups).max()) + 1 < n


def _draw(rng, draws, units):
    """How often each unit was drawn: float64 (draws, units), each row's sum is `units`."""
    picks = rng.integers(0, units, size=(draws, units)) + units * np.arange(draws)[:, None]
    counts = np.bincount(picks.ravel(), minlength=draws * units)
    return counts.reshape(draws, units).astype(np.float64)


def _percentiles(scores):
    defined = scores[~np.isnan(scores)]
    if not len(defined):
        return None, None
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)
