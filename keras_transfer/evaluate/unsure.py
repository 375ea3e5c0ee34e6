"""Below which confidence a prediction is called unsure, and what that costs.

Selective prediction (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017, arXiv:1705.08500): of
the predictions at or above the threshold at most a wanted share is wrong; the others are left to a
person.
"""

import numpy as np

from keras_transfer.evaluate.draws import Draws, share, with_interval
from keras_transfer.evaluate.intervals import wilson

USEFUL = 0.5  # a threshold that leaves more than half of the predictions to a person is no use


def choose_threshold(confidence, wrong, error_rate):
    """The lowest threshold at which at most `error_rate` of the predictions are wrong.

    Args:
        confidence: (n,), on examples that did not train the model; wrong: bool (n,).

    Returns:
        A number: the lowest confidence that is kept. None where no threshold keeps errors so few.
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    errors = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    # equal confidences are kept or not together
    last = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)
    kept = np.flatnonzero((errors <= error_rate) & last)
    return float(sorted_confidence[kept[-1]]) if len(kept) else None


def is_unsure(confidence, threshold):
    """Whether each confidence (n,) is under the threshold; None: all are."""
    return ~_is_sure(confidence, threshold)


def _is_sure(confidence, threshold):
    if threshold is None:
        return np.zeros(len(confidence), bool)
    return np.asarray(confidence) >= threshold


def score_threshold(confidence, wrong, threshold, groups=None, seed=0):
    """{error, coverage: {value, low, high}} of predictions with a confidence from `threshold` on.

    Args:
        confidence: (n,); wrong: bool (n,); threshold: None keeps nothing.
        groups: (n,) names of what belongs together, or None; seed: of the bootstrap.
    """
    sure = _is_sure(confidence, threshold)
    draws = Draws(len(wrong), groups, seed)

    def shares(weights):
        kept = weights[:, sure].sum(axis=1)
        errors = weights[:, sure & wrong].sum(axis=1)
        return np.stack([share(errors, kept), share(kept, weights.sum(axis=1))], axis=1)

    if draws.groups is not None:
        error, coverage = draws.score(shares)
        return {"error": error, "coverage": coverage}
    (error, coverage), kept = draws.value(shares), int(sure.sum())
    return {
        "error": with_interval(error, *wilson(int((sure & wrong).sum()), kept)),
        "coverage": with_interval(coverage, *wilson(kept, len(wrong))),
    }


def is_useful(scores):
    """Whether a threshold leaves enough predictions that are sure."""
    coverage = scores["coverage"]["value"]
    return coverage is not None and coverage >= USEFUL
