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


def effective_wilson(value, effective, quantile):
    """Wilson's interval of a score in 0..1 that is as certain as a share of `effective` examples.

    With groups the effective size is what is left of n after the design effect, and the normal
    quantile gives way to Student's t (Korn and Graubard 1998; Franco, Little, Louis and Slud 2019
    found this the best of many for samples of clusters). For an area under a curve likewise
    (Kottas, Kuss and Zapf 2014). Never leaves 0..1 and holds the value.

    Args:
        value, effective, quantile: numbers or arrays that go together; NaN gives NaN.

    Returns:
        (low, high)
    """
    ratio = quantile**2 / effective
    centre = (value + ratio / 2) / (1 + ratio)
    half = np.sqrt(ratio * np.maximum(value * (1 - value), 0) + ratio**2 / 4) / (1 + ratio)
    low = np.where(value <= 0, 0.0, np.clip(centre - half, 0, None))
    high = np.where(value >= 1, 1.0, np.clip(centre + half, None, 1))
    undefined = np.isnan(centre)
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)


def student(units):
    """97.5 % quantile of Student's t for scores of so many independent units; NaN under two."""
    from scipy.special import stdtrit

    units = np.asarray(units, np.float64)
    return np.where(units >= 2, stdtrit(np.maximum(units - 1, 1), 0.975), np.nan)


def bootstrap(statistic, n, groups=None, seed=0, draws=DRAWS):
    """The percentile interval of scores over seeded draws of the examples, with replacement.

    The percentiles are those of Hesterberg (2015), a little further out than 2.5 and 97.5: a
    bootstrap of few units is too narrow by the root of (n - 1) / n, and by what Student's t has
    over the normal distribution.

    Args:
        statistic, n, groups, seed, draws: as of `draw_scores`.

    Returns:
        A list of (low, high), one a score; (None, None) where fewer than two things can be
        drawn or no draw defines the score.
    """
    drawn, units = draw_scores(statistic, n, groups, seed, draws)
    return [percentiles(column, units) for column in drawn.T]


def draw_scores(statistic, n, groups=None, seed=0, draws=DRAWS):
    """Scores of seeded draws of the examples, with replacement.

    With groups whole groups are drawn (the cluster bootstrap): examples of one patient are
    alike, and drawing them one by one would make the interval too narrow.

    Args:
        statistic: weights float64 (draws, n), how often each example was drawn -> scores
            (draws,) or (draws, scores); NaN where a draw leaves a score undefined, for example
            without any example of a class. Such draws are skipped of that score's interval.
        n: examples.
        groups: (n,) names of what belongs together, or None: each example stands alone.

    Returns:
        (scores float64 (draws, scores), how many units were drawn from). Of fewer than two units
        there are no draws: one drawn again and again would look like certainty.
    """
    members = np.arange(n) if groups is None else group_numbers(groups)
    units = int(members.max()) + 1 if n else 0
    if units < 2:
        width = np.atleast_2d(statistic(np.ones((1, n)))).reshape(1, -1).shape[1]
        return np.empty((0, width)), units
    rng = np.random.default_rng(seed)
    rows = max(1, CHUNK // n)
    parts = []
    for first in range(0, draws, rows):
        counts = _draw(rng, min(rows, draws - first), units)
        scores = np.asarray(statistic(counts if groups is None else counts[:, members]))
        parts.append(scores.reshape(len(counts), -1))
    return np.concatenate(parts), units


def percentiles(scores, units):
    """The ends (low, high) of a 95 % interval from the scores of draws of so many units."""
    from scipy.special import ndtr

    defined = scores[~np.isnan(scores)]
    if not len(defined):
        return None, None
    tail = float(ndtr(-student(units) * np.sqrt(units / (units - 1))))
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def unbiased(scores, value, ends):
    """The ends of an interval, wide enough for what they are without the bias of a share.

    Draws lie as far above the score as that lies above the truth, or nearly so: an interval about
    them is moved back by both (Efron and Tibshirani 1993, chapter 10).

    Args:
        scores: (draws,), NaN where undefined; value: the score; ends: (low, high).
    """
    if value is None or ends[0] is None:
        return ends
    both = 2.0 * (float(np.nanmean(scores)) - value)
    low, high = ends
    return max(0.0, min(low, low - both)), min(1.0, max(high, high - both))


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
