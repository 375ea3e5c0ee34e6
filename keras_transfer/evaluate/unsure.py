"""Below which confidence a prediction is called unsure, and what that costs.

Selective prediction (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017, arXiv:1705.08500): of
the predictions at or above the threshold at most a wanted share is wrong; the others are left to a
person.
"""

import numpy as np

from keras_transfer.evaluate.draws import LEAST_PROBABILITY, Draws
from keras_transfer.evaluate.sample import score_shares

PENALTY = 10.0  # C: next to none
PROMISED = 1.0
ENDS = (LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)  # of a confidence
USEFUL = 0.5  # a threshold that leaves more than half of the predictions to a person is no use


def choose_threshold(confidence, wrong, error_rate, promised=PROMISED):
    """The lowest threshold at which about `error_rate` of the predictions are wrong, or fewer.

    How often a prediction of some confidence is wrong comes from a logistic regression on the
    log-odds of the confidence (Platt 1999). What the confidence itself promises counts in it as
    much as the errors that were seen: after a temperature it is about right. Counting errors one by
    one lets more of them through, and moves the threshold twice as far from draw to draw
    (benchmarks/unsure.py).

    Args:
        confidence: (n,), on examples that did not train the model; wrong: bool (n,).
        promised: how much what the confidence promises counts beside the errors seen.

    Returns:
        A number, 0 where all may be kept; None where no threshold keeps errors so few.
    """
    kept = np.sort(confidence)[::-1]
    likely = _error_probability(confidence, wrong, promised, kept)
    errors = np.cumsum(likely) / np.arange(1, len(kept) + 1)
    # predictions of one confidence are kept or refused together
    ends = np.flatnonzero(np.diff(kept, append=-1.0))
    few = ends[errors[ends] <= error_rate]
    if not len(few):
        return None
    return float(kept[few[-1]]) if few[-1] < len(kept) - 1 else 0.0


def _error_probability(confidence, wrong, promised, at):
    """How likely predictions with the confidences `at` (m,) are wrong."""
    from sklearn.linear_model import LogisticRegression

    every = np.ones(len(wrong), bool)
    odds, doubt = _log_odds(confidence), 1.0 - np.clip(confidence, *ENDS)
    fitted = LogisticRegression(C=PENALTY).fit(
        np.concatenate([odds, odds, odds]),
        np.concatenate([wrong, every, ~every]),
        np.concatenate([every, promised * doubt, promised * (1.0 - doubt)]),
    )
    return fitted.predict_proba(_log_odds(at))[:, 1]


def _log_odds(confidence):
    clipped = np.clip(confidence, *ENDS)
    return np.log(clipped / (1.0 - clipped))[:, None]


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
    everything = np.ones(len(wrong), bool)
    parts = {"error": (sure, wrong), "coverage": (everything, sure)}
    return score_shares(parts, Draws(len(wrong), groups, seed))


def is_useful(scores):
    """Whether a threshold leaves enough predictions that are sure."""
    coverage = scores["coverage"]["value"]
    return coverage is not None and coverage >= USEFUL
