"""Scores of a classification: which class is predicted, how classes are ranked, how probable."""

import numpy as np

from keras_transfer.evaluate.calibration import (
    calibration_errors,
    calibration_gaps,
    calibration_noise,
)
from keras_transfer.evaluate.draws import (
    LEAST_PROBABILITY,
    WORST_LOSS,
    Draws,
    mean_defined,
    refuse_broken_numbers,
    share,
)
from keras_transfer.evaluate.per_class import class_statistics, mean_size, per_class, ranked_sizes
from keras_transfer.evaluate.ranking import rank_classes
from keras_transfer.evaluate.sample import Sample

TOP = 5  # classes that may be right for top_5_accuracy
MANY = 10  # classes from which on it says something


def score_classification(labels, predictions, names, groups=None, seed=0):
    """The scores of class probabilities, with 95 % intervals.

    Intervals are Wilson's for shares of examples, and with groups, or for means over classes and
    areas, Wilson's of the effective number of examples; for the log loss, the Brier score and the
    calibration error percentiles of a bootstrap. Draws are not stratified: a class that a draw
    misses is left out of that draw's mean over classes. What is undefined (the precision of a
    class never predicted) is None.

    Args:
        labels: class numbers (n,); predictions: probabilities (n, k); names: of the k classes.
        groups: (n,) names of what belongs together, or None; seed: of the bootstrap.

    Returns:
        A dict of Python numbers that JSON can hold; `loss` is the mean cross-entropy.
    """
    predictions = refuse_broken_numbers(predictions, (len(labels), len(names)))
    labels, draw = np.asarray(labels, np.int64), Draws(len(labels), groups, seed)
    n, width = predictions.shape
    predicted = predictions.argmax(axis=1)
    member, claimed = (numbers[:, None] == np.arange(width) for numbers in (labels, predicted))
    sample = Sample(draw, classification_statistics(labels, predictions), width)
    # what a score says where nothing varies: of as many examples as the mean over classes is
    classes = mean_size(draw.units(member))
    ranked = ranked_sizes(draw, member)
    every = np.ones((n, 1), dtype=bool)
    whole = every.sum(axis=0), draw.units(every)
    confusion = np.bincount(labels * width + predicted, minlength=width * width)
    top = {"top_5_accuracy": sample.share("top_5_accuracy", *whole)} if width >= MANY else {}
    return {
        "n": n,
        "loss": sample.value("log_loss"),
        "accuracy": sample.share("accuracy", *whole),
        "balanced_accuracy": sample.bounded("balanced_accuracy", classes),
        "f1_macro": sample.bounded("f1_macro", mean_size(draw.units(member | claimed))),
        **top,
        "auroc": sample.area("auroc", *ranked),
        "average_precision": sample.area("average_precision", *ranked),
        "log_loss": sample.positive("log_loss", WORST_LOSS),
        "brier_score": sample.positive("brier_score", 2.0),
        "expected_calibration_error": sample.distance(
            "expected_calibration_error", "calibration_noise"
        ),
        "per_class": per_class(names, sample, draw, member, claimed),
        "confusion": confusion.reshape(width, width).tolist(),
    }


def classification_statistics(labels, predictions):
    """The function from weights (draws, n) to all scores of these examples, {name: (draws,) or
    (draws, k)}; arguments as of `score_classification`."""
    n, width = predictions.shape
    predicted, member = predictions.argmax(axis=1), labels[:, None] == np.arange(width)
    right, rank = predicted == labels, rank_classes(member, predictions)
    likely = predictions[np.arange(n), labels]
    confidence = predictions[np.arange(n), predicted]
    gaps = calibration_gaps(confidence, right)
    # of equal probabilities the first class comes first, as for the predicted one
    ahead = (predictions > likely[:, None]) | (
        (predictions == likely[:, None]) & (np.arange(width) < labels[:, None])
    )
    means = {
        "accuracy": right,
        "top_5_accuracy": ahead.sum(axis=1) < TOP,
        "log_loss": -np.log(np.clip(likely, LEAST_PROBABILITY, 1.0)),
        "brier_score": ((predictions - member) ** 2).sum(axis=1),
    }
    columns = np.stack([np.asarray(part, np.float64) for part in means.values()], axis=1)

    def statistics(weights):
        total = weights.sum(axis=1)
        hits = sum_by_class(weights[:, right], labels[right], width)
        counts = (sum_by_class(weights, numbers, width) for numbers in (labels, predicted))
        each = class_statistics(*counts, hits)
        area, precision = rank(weights)
        precision = np.where(np.isnan(area), np.nan, precision)  # of all examples it says nothing
        sums = weights @ columns
        return {
            **{name: share(sums[:, place], total) for place, name in enumerate(means)},
            **each,
            "class_auroc": area,
            "class_average_precision": precision,
            "balanced_accuracy": mean_defined(each["recall"]),
            "f1_macro": mean_defined(each["f1"]),
            "auroc": mean_defined(area),
            "average_precision": mean_defined(precision),
            "expected_calibration_error": calibration_errors(weights, gaps),
            "calibration_noise": calibration_noise(weights, gaps),
        }

    return statistics


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
