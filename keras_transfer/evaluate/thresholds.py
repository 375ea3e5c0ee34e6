"""One threshold for two classes: sensitivity at a wanted specificity, or the other way round."""

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.evaluate.draws import Draws
from keras_transfer.evaluate.sample import score_shares

POINTS = {  # what is wanted at least: what is then to be as high as it can
    "at_specificity": ("specificity", "sensitivity"),
    "at_sensitivity": ("sensitivity", "specificity"),
}


def choose_threshold(positive, likely, point, wanted):
    """The threshold that reaches what is wanted, with the highest counterpart.

    Args:
        positive: bool (n,), of examples that did not train; likely: the probability that each is
            positive (n,); one of at least the threshold is called so.
        point: a key of POINTS; wanted: 0 to 1.

    Returns:
        {"threshold", "sensitivity", "specificity"}, the last two as reached on these examples.
        The threshold lies halfway between two probabilities that occur: one of them would be
        missed by a rounding error.

    Raises: UserError without positive or without negative examples.
    """
    likely, positive = np.asarray(likely, np.float64), np.asarray(positive, bool)
    if positive.all() or not positive.any():
        found = f"{int(positive.sum())} positive of {len(positive)}"
        raise UserError("a threshold needs held-out examples of both classes", found)
    thresholds = _thresholds(likely)
    reached = {
        "sensitivity": 1 - _below(likely[positive], thresholds),
        "specificity": _below(likely[~positive], thresholds),
    }
    first, second = (reached[name] for name in POINTS[point])
    # 1e-12: a share of n examples is a rounded number
    enough = np.flatnonzero(first >= wanted - 1e-12)
    best = enough[np.lexsort((first[enough], second[enough]))[-1]]
    return {
        "threshold": float(thresholds[best]),
        **{name: float(values[best]) for name, values in reached.items()},
    }


def score_decisions(targets, found, place, groups=None, seed=0):
    """Scores of decisions between two classes, of which number `place` is the positive one.

    Args:
        targets: class numbers (n,); found: bool (n,), called positive; groups, seed: as of Draws.

    Returns:
        {"sensitivity": {value, low, high}, "specificity": ..., "confusion": [[..], [..]]}: one
        row for each true class, one column for each predicted one.
    """
    found, positive = np.asarray(found, bool), np.asarray(targets) == place
    parts = {"sensitivity": (positive, found), "specificity": (~positive, ~found)}
    scores = score_shares(parts, Draws(len(found), groups, seed))
    predicted = np.where(found, place, 1 - place)
    confusion = np.bincount(np.asarray(targets, np.int64) * 2 + predicted, minlength=4)
    return {**scores, "confusion": confusion.reshape(2, 2).tolist()}


def _thresholds(likely):
    """Halfway between each two different probabilities, below the least, above the highest."""
    values = np.unique(likely)
    low = np.append(0.0, values)
    high = np.append(values, max(1.0, np.nextafter(values[-1], 2.0)))
    middle = (low + high) / 2
    return np.where(middle > low, middle, high)  # no number lies between neighbours


def _below(likely, thresholds):
    """The share of probabilities under each threshold."""
    return np.searchsorted(np.sort(likely), thresholds, side="left") / len(likely)
