"""Episodes: how well new classes are recognised from a few examples of each (arXiv:1606.04080).

An episode draws `ways` classes, of each `shots` examples to learn from (the support set) and
`queries` others to be predicted (the query set).
"""

from typing import NamedTuple

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.evaluate.intervals import NORMAL_95


class EpisodeSettings(NamedTuple):
    episodes: int = 1000
    ways: int = 5  # classes an episode
    shots: tuple[int, ...] = (1, 5)  # examples of each class to learn from
    queries: int = 15  # of each class to predict
    seed: int = 0


def check_episodes(settings, labels):
    """Refuse episodes that so many examples do not give.

    Args:
        settings: EpisodeSettings; labels: of the examples (n,).
    """
    for name, least in (("episodes", 2), ("ways", 2), ("queries", 1)):
        if getattr(settings, name) < least:
            raise UserError(f"--{name} is out of range", getattr(settings, name), f"From {least}")
    if not settings.shots or min(settings.shots) < 1:
        raise UserError("--shots is out of range", settings.shots, "From 1, several are allowed")
    names, counts = np.unique(np.asarray(labels, object).astype(str), return_counts=True)
    if len(names) < settings.ways:
        found = f"{len(names)} classes, --ways {settings.ways}"
        raise UserError("an episode needs more classes than there are", found, "Ask for fewer ways")
    needed = max(settings.shots) + settings.queries
    usable = int((counts >= needed).sum())
    if usable < settings.ways:
        worst = int(counts.argmin())
        raise UserError(
            f"an episode needs {needed} examples of each class, and {usable} of {len(names)} "
            "classes have so many",
            f"{names[worst]} has {counts[worst]}",
            f"Ask for fewer: --queries {settings.queries} and --shots {max(settings.shots)} add up",
        )


def draw_episodes(numbers, settings, shots):
    """Yield (support (ways, shots), query (ways, queries)): indices of examples.

    Classes with too few examples are never drawn. An episode depends on the seed, its place and
    the number of shots alone.

    Args:
        numbers: class of each example (n,); settings: EpisodeSettings.
    """
    needed = shots + settings.queries
    members = [np.flatnonzero(numbers == number) for number in np.unique(numbers)]
    members = [indices for indices in members if len(indices) >= needed]
    for place in range(settings.episodes):
        generator = np.random.default_rng([settings.seed, shots, place])
        classes = generator.choice(len(members), settings.ways, replace=False)
        drawn = np.stack([generator.permutation(members[k])[:needed] for k in classes])
        yield drawn[:, :shots], drawn[:, shots:]


def score_episodes(numbers, settings, predict):
    """{shots: {"accuracy": {value, low, high}}} over seeded episodes.

    Args:
        numbers: class of each example (n,).
        predict: function (support indices (ways * shots,), their places among the classes, ways,
            query indices) -> predicted places (ways * queries,).

    Intervals are 95 %, of the mean over episodes, as the papers give them: they tell how much other
    draws of episodes would move it, not how much other images and classes would.
    """
    scores = {}
    for shots in settings.shots:
        accuracies = [
            _accuracy(support, query, settings.ways, predict)
            for support, query in draw_episodes(numbers, settings, shots)
        ]
        scores[str(shots)] = {"accuracy": mean_with_interval(accuracies)}
    return scores


def _accuracy(support, query, ways, predict):
    places = np.arange(ways)
    predicted = predict(support.ravel(), np.repeat(places, support.shape[1]), ways, query.ravel())
    return float((predicted == np.repeat(places, query.shape[1])).mean())


def mean_with_interval(values):
    """The mean of some numbers in 0..1 and its 95 % interval: {value, low, high}."""
    values = np.asarray(values, np.float64)
    mean, half = values.mean(), NORMAL_95 * values.std(ddof=1) / np.sqrt(len(values))
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    return {"value": float(mean), "low": float(low), "high": float(high)}
