"""Scores of several labels an example: mean average precision over labels, macro F1, each label."""

import numpy as np

from keras_transfer.evaluate.classification import per_class
from keras_transfer.evaluate.draws import (
    LEAST_PROBABILITY,
    Draws,
    mean_defined,
    number,
    refuse_broken_numbers,
    share,
)


def score_multilabel(labels, predictions, names, groups=None, seed=0, threshold=0.5):
    """The scores of label probabilities; intervals are 95 %, of a bootstrap of 1000 draws.

    Args:
        labels: 0/1 (n, k); predictions: probabilities (n, k); names: of the k labels.
        groups: (n,) names of what belongs together, or None; seed: of the bootstrap.
        threshold: a label is predicted at this probability or above.

    Returns:
        A dict of Python numbers; `loss` is the mean binary cross-entropy, over labels too.
    """
    predictions = refuse_broken_numbers(predictions, (len(labels), len(names)))
    labels, draw = np.asarray(labels) > 0.5, Draws(len(labels), groups, seed)
    n = len(labels)
    predicted = predictions >= threshold
    carried = labels.any(axis=0)
    ranks = [Ranking(labels[:, c], predictions[:, c]) for c in range(len(names))]

    def average_precision(weights):
        """(draws, labels)"""
        return np.stack([rank.average_precision(weights) for rank in ranks], axis=1)

    def f1(weights):
        both = weights @ (labels & predicted)
        total = weights @ labels + weights @ predicted
        # as in the mean average precision: a label that no drawn example carries has no say
        return np.where(weights @ labels > 0, share(2 * both, total), np.nan)

    def label_means(weights):
        means = [mean_defined(average_precision(weights)), mean_defined(f1(weights))]
        return np.stack(means, axis=1)

    mean_precision, f1_macro = draw.score(label_means)
    likely = np.clip(predictions, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    entropy = -np.where(labels, np.log(likely), np.log1p(-likely))
    counts = (part.sum(axis=0) for part in (labels, predicted, labels & predicted))
    table = per_class(names, *counts)
    for name, value in zip(names, draw.value(average_precision), strict=True):
        table[name]["average_precision"] = value
    return {
        "n": n,
        "loss": number(entropy.mean()) if n else None,
        "macro_average_precision": mean_precision,
        "f1_macro": f1_macro,
        "threshold": float(threshold),
        "labels_without_examples": [
            name for name, seen in zip(names, carried, strict=True) if not seen
        ],
        "per_class": table,
    }


class Ranking:
    """The examples in the order of one label's probability: sorted once for all draws."""

    def __init__(self, truth, scores):
        self.order = np.argsort(-scores, kind="stable")
        ordered = scores[self.order]
        self.positive = np.flatnonzero(truth[self.order])
        # examples with one probability pass the threshold together: count to the last of them
        last = np.searchsorted(-ordered, -ordered[self.positive], side="right") - 1
        self.last = last.astype(np.int64)
        self.positive_last = np.searchsorted(self.positive, self.last, side="right") - 1

    def average_precision(self, weights):
        """Weights (draws, n) -> (draws,): the precision at each example that carries the label,
        averaged; what scikit-learn's average_precision_score gives."""
        if not len(self.positive):
            return np.full(len(weights), np.nan)
        ordered = weights[:, self.order]
        carrying = ordered[:, self.positive]
        above = np.cumsum(ordered, axis=1)[:, self.last]
        right = np.cumsum(carrying, axis=1)[:, self.positive_last]
        precision = np.divide(right, above, out=np.zeros_like(above), where=above > 0)
        return share((carrying * precision).sum(axis=1), carrying.sum(axis=1))
