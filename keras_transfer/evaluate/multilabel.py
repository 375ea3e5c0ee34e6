"""Scores of several labels an example: each label's ranking and decisions, means over labels."""

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


def score_multilabel(labels, predictions, names, groups=None, seed=0, threshold=0.5):
    """The scores of label probabilities, with 95 % intervals as of `score_classification`.

    Args:
        labels: 0/1 (n, k); predictions: probabilities (n, k); names: of the k labels.
        groups: (n,) names of what belongs together, or None; seed: of the bootstrap.
        threshold: a label is predicted at this probability or above.

    Returns:
        A dict of Python numbers; `loss` is the mean binary cross-entropy, over labels too.
    """
    predictions = refuse_broken_numbers(predictions, (len(labels), len(names)))
    labels, draw = np.asarray(labels) > 0.5, Draws(len(labels), groups, seed)
    n, predicted = len(labels), predictions >= threshold
    sample = Sample(draw, multilabel_statistics(labels, predictions, threshold), len(names))
    seen = labels.any(axis=0)
    carried, area = draw.units(labels), ranked_sizes(draw, labels)
    every = np.ones((n, 1), dtype=bool)
    decided = mean_size(draw.units(labels | predicted)[seen])
    return {
        "n": n,
        "loss": sample.value("log_loss"),
        "macro_average_precision": sample.bounded("macro_average_precision", mean_size(carried)),
        "f1_macro": sample.bounded("f1_macro", decided),
        "auroc": sample.area("auroc", *area),
        "subset_accuracy": sample.share("subset_accuracy", every.sum(axis=0), draw.units(every)),
        "log_loss": sample.positive("log_loss", WORST_LOSS),
        "brier_score": sample.positive("brier_score", 1.0),
        "expected_calibration_error": sample.distance(
            "expected_calibration_error", "calibration_noise"
        ),
        "threshold": float(threshold),
        "labels_without_examples": [n for n, there in zip(names, seen, strict=True) if not there],
        "per_class": per_class(names, sample, draw, labels, predicted),
    }


def multilabel_statistics(labels, predictions, threshold):
    """The function from weights (draws, n) to all scores of these examples, {name: (draws,) or
    (draws, k)}; labels: bool (n, k), the others as of `score_multilabel`."""
    width, rank = labels.shape[1], rank_classes(labels, predictions)
    predicted = predictions >= threshold
    right = predicted == labels
    likely = np.clip(predictions, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    entropy = -np.where(labels, np.log(likely), np.log1p(-likely))
    confidence = np.where(predicted, predictions, 1 - predictions)
    gaps = calibration_gaps(confidence, right)
    means = {
        "subset_accuracy": right.all(axis=1),
        "log_loss": entropy.mean(axis=1),
        "brier_score": ((predictions - labels) ** 2).mean(axis=1),
    }
    columns = np.stack([np.asarray(part, np.float64) for part in means.values()], axis=1)
    carries, claims = labels.astype(np.float64), predicted.astype(np.float64)

    def statistics(weights):
        total, support = weights.sum(axis=1), weights @ carries
        each = class_statistics(support, weights @ claims, weights @ (carries * claims))
        area, precision = rank(weights)
        # as in the mean average precision: a label that no drawn example carries has no say
        f1 = np.where(support > 0, each["f1"], np.nan)
        sums = weights @ columns
        return {
            **{name: share(sums[:, place], total) for place, name in enumerate(means)},
            **each,
            "class_auroc": area,
            "class_average_precision": precision,
            "macro_average_precision": mean_defined(precision),
            "f1_macro": mean_defined(f1),
            "auroc": mean_defined(area),
            "expected_calibration_error": calibration_errors(weights, gaps, width),
            "calibration_noise": calibration_noise(weights, gaps, width),
        }

    return statistics
