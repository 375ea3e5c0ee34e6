"""Scores of rankings and probabilities against scikit-learn and plain loops."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from keras_transfer.evaluate.calibration import (
    debiased_calibration_error,
    equal_mass_bins,
    expected_calibration_error,
)
from keras_transfer.evaluate.classification import classification_statistics, score_classification
from keras_transfer.evaluate.multilabel import multilabel_statistics, score_multilabel

pytestmark = pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.UndefinedMetricWarning")
SEEDS = st.integers(0, 2**31)


def random_classes(seed, n, width):
    """Labels and softmax probabilities with ties among examples and within them; the last class
    often has no example. Their probabilities are near 0 and 1 as well."""
    rng = np.random.default_rng(seed)
    logits = rng.integers(-1, 3, (n, width)) * rng.choice([1.0, 4.0])
    probabilities = np.exp(logits)
    labels = rng.integers(0, rng.integers(1, width + 1), n)
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True), rng


def random_labels(seed, n, width):
    rng = np.random.default_rng(seed)
    labels = rng.random((n, width)) < rng.choice([0.0, 0.3, 0.7, 1.0], width)
    return labels, rng.integers(1, 10, (n, width)) / 10, rng


def curves(truth, likely):
    """scikit-learn's AUROC and average precision of each column; NaN without both kinds."""
    found = []
    for column in range(truth.shape[1]):
        pair = truth[:, column], likely[:, column]
        both = 0 < pair[0].sum() < len(truth)
        area = metrics.roc_auc_score(*pair) if both else np.nan
        found.append((area, metrics.average_precision_score(*pair) if pair[0].any() else np.nan))
    return np.array(found).T


def same(ours, theirs):
    ours = np.nan if ours is None else ours
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def mean(values):
    values = np.asarray(values)[~np.isnan(values)]
    return values.mean() if len(values) else np.nan


def plain_calibration_error(confidence, right, bins=15):
    """Bin by bin, example by example."""
    sums = {}
    for c, r in zip(confidence, right, strict=True):
        place = int((confidence < c).sum()) * bins // len(confidence)
        sums[place] = sums.get(place, 0.0) + float(r) - float(c)
    return sum(map(abs, sums.values())) / len(confidence)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 60), width=st.sampled_from([2, 3, 4, 12]))
@example(seed=1, n=2, width=3)  # the calibration error of two examples
def test_classification(seed, n, width):
    labels, likely, rng = random_classes(seed, n, width)
    groups = rng.integers(0, 1 + n // 2, n) if rng.random() < 0.5 else None
    names = [f"c{number:02}" for number in range(width)]
    scores = score_classification(labels, likely, names, groups)
    member = labels[:, None] == np.arange(width)
    area, precision = curves(member, likely)
    precision = np.where(np.isnan(area), np.nan, precision)
    same(scores["auroc"]["value"], mean(area))
    same(scores["average_precision"]["value"], mean(precision))
    for row, name in enumerate(names):
        same(scores["per_class"][name]["auroc"], area[row])
        same(scores["per_class"][name]["average_precision"], precision[row])
    numbers = list(range(width))
    same(scores["log_loss"]["value"], metrics.log_loss(labels, likely, labels=numbers))
    same(scores["brier_score"]["value"], ((likely - member) ** 2).sum(axis=1).mean())
    if width > 2:  # of two classes scikit-learn's is half
        wanted = metrics.brier_score_loss(labels, likely, labels=numbers, scale_by_half=False)
        same(scores["brier_score"]["value"], wanted)
    predicted = likely.argmax(axis=1)
    wanted = plain_calibration_error(likely.max(axis=1), predicted == labels)
    same(scores["expected_calibration_error"]["value"], wanted)
    assert ("top_5_accuracy" in scores) == (width >= 10)
    if width >= 10:
        # scikit-learn takes the last of equal classes first; argmax, and so the accuracy, the first
        flipped = width - 1 - labels, likely[:, ::-1]
        wanted = metrics.top_k_accuracy_score(*flipped, k=5, labels=numbers)
        same(scores["top_5_accuracy"]["value"], wanted)
        assert scores["top_5_accuracy"]["value"] >= scores["accuracy"]["value"]
    check_intervals(scores)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 60), width=st.integers(1, 4))
def test_multilabel(seed, n, width):
    labels, likely, rng = random_labels(seed, n, width)
    groups = rng.integers(0, 1 + n // 2, n) if rng.random() < 0.5 else None
    names = [f"c{number}" for number in range(width)]
    scores = score_multilabel(labels, likely, names, groups)
    area, precision = curves(labels, likely)
    same(scores["auroc"]["value"], mean(area))
    same(scores["macro_average_precision"]["value"], mean(precision))
    for row, name in enumerate(names):
        same(scores["per_class"][name]["auroc"], area[row])
    predicted = likely >= 0.5
    same(scores["subset_accuracy"]["value"], (predicted == labels).all(axis=1).mean())
    same(scores["log_loss"]["value"], scores["loss"])
    briers = [
        metrics.brier_score_loss(labels[:, c], likely[:, c], labels=[False, True])
        for c in range(width)
    ]
    same(scores["brier_score"]["value"], np.mean(briers))
    confidence = np.where(predicted, likely, 1 - likely)
    wanted = plain_calibration_error(confidence.ravel(), (predicted == labels).ravel())
    same(scores["expected_calibration_error"]["value"], wanted)
    check_intervals(scores)


def check_intervals(scores):
    """Each holds its score and stays where the score can be."""
    entries = [score for score in scores.values() if isinstance(score, dict) and "low" in score]
    for entry in scores["per_class"].values():
        entries += [{"value": entry[name], **ends} for name, ends in entry["intervals"].items()]
    assert len(entries) > 6
    for entry in entries:
        if entry["value"] is None:
            assert entry["low"] is entry["high"] is None
        elif entry["low"] is not None:
            assert 0 <= entry["low"] <= entry["value"] + 1e-12
            assert entry["value"] - 1e-12 <= entry["high"]
    bounded = ("accuracy", "auroc", "f1_macro", "expected_calibration_error", "subset_accuracy")
    highs = [scores[name]["high"] for name in bounded if name in scores]
    assert all(high is None or high <= 1 for high in highs)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 30), kind=st.sampled_from(["classes", "labels"]))
def test_weights_count_examples(seed, n, kind):
    """An example of weight 2 is as good as two of them: the bootstrap is of the same scores."""

    def statistics(rows):
        if kind == "classes":
            return classification_statistics(labels[rows], likely[rows])
        return multilabel_statistics(labels[rows], likely[rows], 0.5)

    make = random_classes if kind == "classes" else random_labels
    labels, likely, rng = make(seed, n, 4)
    weights = rng.integers(0, 3, (5, n)).astype(float)
    weights[:, 0] += 1  # at least one
    together = statistics(np.arange(n))(weights)
    for row, weight in enumerate(weights):
        rows = np.repeat(np.arange(n), weight.astype(int))
        alone = statistics(rows)(np.ones((1, len(rows))))
        for name, values in alone.items():
            if "calibration" not in name:  # whose bins are those of the whole split
                same(together[name][row], values[0])


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 80), steps=st.sampled_from([3, 10, 10**6]))
def test_calibration_error_does_not_hang_on_the_order(seed, n, steps):
    rng = np.random.default_rng(seed)
    confidence, right = rng.integers(0, steps + 1, n) / steps, rng.random(n) < 0.5
    order = rng.permutation(n)
    same(
        expected_calibration_error(confidence[order], right[order]),
        plain_calibration_error(confidence, right),
    )
    debiased = debiased_calibration_error(confidence, right)
    same(debiased_calibration_error(confidence[order], right[order]), debiased)
    assert 0 <= debiased <= expected_calibration_error(confidence, right) + 1e-12


def test_bins_are_of_equal_mass():
    numbers = equal_mass_bins(np.random.default_rng(0).random(150), 15)
    assert np.bincount(numbers).tolist() == [10] * 15


def test_nothing_has_no_calibration_error():
    empty = np.zeros(0), np.zeros(0, bool)
    assert np.isnan([expected_calibration_error(*empty), debiased_calibration_error(*empty)]).all()


@pytest.mark.parametrize(("offset", "truth"), [(0.0, 0.0), (0.1, 0.1), (0.2, 0.2)])
def test_the_debiased_calibration_error_is_nearer_the_truth(offset, truth):
    """Of models that claim too much by a constant, 300 examples each."""
    rng = np.random.default_rng(0)
    plain, debiased = [], []
    for _ in range(200):
        accuracy = rng.uniform(0.4, 0.8, 300)
        right = rng.random(300) < accuracy
        plain.append(expected_calibration_error(accuracy + offset, right))
        debiased.append(debiased_calibration_error(accuracy + offset, right))
    bias, left = np.mean(plain) - truth, np.mean(debiased) - truth
    assert bias > 0.004
    assert abs(left) < 0.7 * bias
