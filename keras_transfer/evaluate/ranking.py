"""Scores of an order: area under the ROC curve, average precision."""

import numpy as np

from keras_transfer.evaluate.draws import share


class Ranking:
    """The examples in the order of one class's probability: sorted once for all draws.

    Args:
        truth: whether each example is of the class (n,); scores: its probability (n,).
    """

    def __init__(self, truth, scores):
        self.order = np.argsort(-scores, kind="stable")
        ordered = scores[self.order]
        self.positive = np.flatnonzero(truth[self.order])
        # examples with one probability pass a threshold together: from the first to the last
        likely = -ordered[self.positive]
        self.first = np.searchsorted(-ordered, likely, side="left")
        self.last = np.searchsorted(-ordered, likely, side="right") - 1
        self.positive_last = np.searchsorted(self.positive, self.last, side="right") - 1

    def scores(self, weights):
        """Weights (draws, n) -> (area under the ROC curve, average precision), each (draws,).

        As scikit-learn's roc_auc_score and average_precision_score; NaN where no example, or for
        the area every example, is of the class.
        """
        if not len(self.positive):
            return np.full((2, len(weights)), np.nan)
        ordered = weights[:, self.order]
        carrying = ordered[:, self.positive]
        passed = np.cumsum(ordered, axis=1)
        upto, whole = passed[:, self.last], passed[:, -1]
        before = np.where(self.first > 0, passed[:, self.first - 1], 0.0)
        positive = carrying.sum(axis=1)
        # each positive beats all below it and half of its ties; pairs of positives come to half
        # of their number whatever their order
        below = (carrying * (whole[:, None] - (before + upto) / 2)).sum(axis=1)
        area = share(below - positive**2 / 2, positive * (whole - positive))
        right = np.cumsum(carrying, axis=1)[:, self.positive_last]
        precision = np.divide(right, upto, out=np.zeros_like(upto), where=upto > 0)
        return np.stack([area, share((carrying * precision).sum(axis=1), positive)])

    def average_precision(self, weights):
        """Weights (draws, n) -> (draws,)."""
        return self.scores(weights)[1]


def rank_classes(truth, predictions):
    """Truth bool (n, k), probabilities (n, k) -> a function from weights (draws, n) to the
    classes' (areas, average precisions), each (draws, k)."""
    ranks = [Ranking(truth[:, c], predictions[:, c]) for c in range(truth.shape[1])]

    def scores(weights):
        both = np.stack([rank.scores(weights) for rank in ranks], axis=2)
        return both[0], both[1]

    return scores
