"""Intervals hold the truth in 95 % of many splits, drawn from a population that is known.

The design, realistic for a test split: three classes with shares 0.5, 0.3, 0.2; each example has a
score a class, normal, two standard deviations higher for its own class; probabilities are 1.3 times
too sure in logits. Either 200 examples alone, or 60 groups of 1 to 6 examples, of which half have
the class of their group and which share 30 % of the scores' variance, as images of one patient
might. The truth is measured on 300,000 examples. Two thousand splits: the share that is found is
then within one percentage point of the real one.
"""

import numpy as np
import pytest

from keras_transfer.evaluate.classification import classification_statistics, score_classification
from keras_transfer.evaluate.regression import score_regression

SPLITS = 2000
MANY = 300_000
NAMES = ("a", "b", "c")
SHARES = np.array([0.5, 0.3, 0.2])
DISTANCE = 2.0
OVERCONFIDENT = 1.3
ALIKE = 0.3  # share of the variance that a group's examples have in common

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def draw_groups(rng, groups):
    """Which group each example is of (n,): 1 to 6 examples each; without groups 200 alone."""
    return np.repeat(np.arange(groups), rng.integers(1, 7, groups)) if groups else np.arange(200)


def shared_normal(rng, numbers, width):
    """Normal numbers (n, width), alike within a group."""
    of_group = rng.normal(size=(numbers.max() + 1, width))[numbers]
    return np.sqrt(ALIKE) * of_group + np.sqrt(1 - ALIKE) * rng.normal(size=of_group.shape)


def draw_classes(rng, numbers):
    n = len(numbers)
    of_group = rng.choice(3, numbers.max() + 1, p=SHARES)[numbers]
    labels = np.where(rng.random(n) < 0.5, of_group, rng.choice(3, n, p=SHARES))
    seen = DISTANCE * np.eye(3)[labels] + shared_normal(rng, numbers, 3)
    likely = np.exp(OVERCONFIDENT * DISTANCE * seen) * SHARES
    return labels, likely / likely.sum(axis=1, keepdims=True)


def draw_numbers(rng, numbers):
    truth = shared_normal(rng, numbers, 1)
    return truth, 0.8 * truth + 0.5 * shared_normal(rng, numbers, 1)


def classification_scores(labels, likely, groups, seed):
    scores = score_classification(labels, likely, NAMES, groups, seed)
    found = {name: score for name, score in scores.items() if name in EXACT | CAUTIOUS}
    return found | scores["per_class"]["c"]["intervals"]


def classification_truth(labels, likely):
    one = classification_statistics(labels, likely)(np.ones((1, len(labels))))
    return {name: values[0, 2] if values.ndim > 1 else values[0] for name, values in one.items()}


def regression_scores(truth, guess, groups, seed):
    scores = score_regression(truth, guess, ("value",), groups, seed)
    return {name: scores[name] for name in ("mae", "rmse", "r2")}


def regression_truth(truth, guess):
    scores = score_regression(truth, guess, ("value",), np.zeros(len(truth)))
    return {name: scores[name]["value"] for name in ("mae", "rmse", "r2")}


def coverage(draw, score, measure, groups):
    """{score: share of the splits whose interval holds the truth}."""
    rng = np.random.default_rng(0)
    many = np.arange(MANY) // (3 if groups else 1)
    truth = measure(*draw(np.random.default_rng(1), many))
    hits = {}
    for split in range(SPLITS):
        numbers = draw_groups(rng, groups)
        found = score(*draw(rng, numbers), numbers if groups else None, split)
        for name, ends in found.items():
            inside = ends["low"] is not None and ends["low"] <= truth[name] <= ends["high"]
            hits[name] = hits.get(name, 0) + inside
    return {name: number / SPLITS for name, number in hits.items()}


EXACT = {
    *("accuracy", "balanced_accuracy", "f1_macro", "auroc", "average_precision"),
    *("log_loss", "brier_score"),
}
CAUTIOUS = {"expected_calibration_error"}  # its low end takes off all that chance may add
OF_CLASS = {"precision", "recall", "f1"}


@pytest.mark.parametrize("groups", [0, 60])
def test_classification(groups):
    found = coverage(draw_classes, classification_scores, classification_truth, groups)
    print({name: round(share, 4) for name, share in found.items()})
    assert set(found) == EXACT | CAUTIOUS | OF_CLASS
    outside = {name: s for name, s in found.items() if not 0.935 <= s <= 0.965}
    assert set(outside) <= CAUTIOUS, outside
    assert found["expected_calibration_error"] >= 0.935


@pytest.mark.parametrize("groups", [0, 60])
def test_regression(groups):
    found = coverage(draw_numbers, regression_scores, regression_truth, groups)
    print(found)
    assert {name: s for name, s in found.items() if not 0.935 <= s <= 0.965} == {}
