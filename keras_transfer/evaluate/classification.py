"""Scores of a classification: accuracy, balanced accuracy, macro F1, each class, confusion."""

import numpy as np

from keras_transfer.evaluate.draws import (
    LEAST_PROBABILITY,
    Draws,
    mean_defined,
    number,
    refuse_broken_numbers,
    share,
    with_interval,
)
from keras_transfer.evaluate.intervals import wilson


def score_classification(labels, predictions, names, groups=None, seed=0):
    """The scores of class probabilities.

    Intervals are 95 %: Wilson's for accuracy, a bootstrap of 1000 draws for the rest and, where
    `groups` holds fewer groups than examples, for accuracy too. Draws are not stratified: a class
    that a draw misses is left out of that draw's mean over classes. What is undefined (the
    precision of a class never predicted) is None.

    Args:
        labels: class numbers (n,); predictions: probabilities (n, k); names: of the k classes.
        groups: (n,) names of what belongs together, or None; seed: of the bootstrap.

    Returns:
        A dict of Python numbers that JSON can hold; `loss` is the mean cross-entropy.
    """
    predictions = refuse_broken_numbers(predictions, (len(labels), len(names)))
    labels, draw = np.asarray(labels, np.int64), Draws(len(labels), groups, seed)
    n, width = predictions.shape
    predicted = predictions.argmax(axis=1) if n else np.zeros(0, dtype=np.int64)
    right = predicted == labels

    def counts(weights):
        """Examples of a class, examples predicted as it, both: each (draws, classes)."""
        hits = sum_by_class(weights[:, right], labels[right], width)
        return (
            sum_by_class(weights, labels, width),
            sum_by_class(weights, predicted, width),
            hits,
        )

    def accuracy(weights):
        return share(weights[:, right].sum(axis=1), weights.sum(axis=1))

    def class_means(weights):
        support, claimed, hits = counts(weights)
        f1 = share(2 * hits, support + claimed)
        return np.stack([mean_defined(share(hits, support)), mean_defined(f1)], axis=1)

    balanced, f1_macro = draw.score(class_means)
    if draw.groups is None:
        (value,), ends = draw.value(accuracy), wilson(int(right.sum()), n)
        shown = with_interval(value, *ends)
    else:
        (shown,) = draw.score(accuracy)
    likely = np.maximum(predictions[np.arange(n), labels], LEAST_PROBABILITY)
    confusion = np.bincount(labels * width + predicted, minlength=width * width)
    return {
        "n": n,
        "loss": number(-np.log(likely).mean()) if n else None,
        "accuracy": shown,
        "balanced_accuracy": balanced,
        "f1_macro": f1_macro,
        "per_class": per_class(names, *(part[0] for part in counts(np.ones((1, n))))),
        "confusion": confusion.reshape(width, width).tolist(),
    }


def sum_by_class(weights, numbers, width):
    """Weights (draws, n) summed over the examples of each class: (draws, width).

    Sorted sums cost draws x n whatever the number of classes; a product with one-hot rows would
    take minutes for a thousand classes.
    """
    sums = np.zeros((len(weights), width))
    present, starts = np.unique(np.sort(numbers), return_index=True)
    if len(present):
        ordered = weights[:, np.argsort(numbers, kind="stable")]
        sums[:, present] = np.add.reduceat(ordered, starts, axis=1)
    return sums


def per_class(names, support, claimed, hits):
    """{name: {n, precision, recall, f1}} from how often each is there, predicted, both."""
    precision, recall = share(hits, claimed), share(hits, support)
    f1 = share(2 * hits, support + claimed)
    return {
        name: {
            "n": int(support[row]),
            "precision": number(precision[row]),
            "recall": number(recall[row]),
            "f1": number(f1[row]),
        }
        for row, name in enumerate(names)
    }
