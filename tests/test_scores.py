"""Scores against scikit-learn, intervals against the literature and against chance."""

import json
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from keras_transfer.errors import UserError
from keras_transfer.evaluate.classification import score_classification
from keras_transfer.evaluate.draws import mean_defined
from keras_transfer.evaluate.intervals import bootstrap, draw_scores, group_numbers, wilson
from keras_transfer.evaluate.multilabel import score_multilabel
from keras_transfer.evaluate.ranking import Ranking
from keras_transfer.evaluate.regression import score_regression
from keras_transfer.evaluate.splits import score_splits
from keras_transfer.tasks import find_task

pytestmark = pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.UndefinedMetricWarning")
NAMES = ["ants", "bees", "wasps", "moths"]
SEEDS = st.integers(0, 2**31)


SCORERS = {
    "classification": score_classification,
    "multilabel": score_multilabel,
    "regression": score_regression,
}


def score_split(task, labels, predictions, names, **settings):
    return SCORERS[task](np.asarray(labels), np.asarray(predictions), names, **settings)


def headline(task):
    return find_task(task).headline


def random_classification(seed, n=40, width=4, scale=2.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, width, n)
    logits = rng.normal(size=(n, width)) * scale
    probabilities = np.exp(logits)
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def random_multilabel(seed, n=40, width=4):
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, width)) < 0.3).astype(np.float32)
    # rounded: equal probabilities are where formulas for average precision part
    return labels, np.clip(np.round(rng.random((n, width)), 1), 0.05, 0.95)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),  # Brown, Cai and DasGupta 2001
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_in_the_literature(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5.1e-5)


def test_wilson_of_nothing_is_undefined():
    assert wilson(0, 0) == (None, None)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 40))
def test_classification_agrees_with_scikit_learn(seed, n):
    labels, probabilities = random_classification(seed, n)
    scores = score_split("classification", labels, probabilities, NAMES)
    predicted, numbers = probabilities.argmax(axis=1), list(range(4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn remarks on classes that are missing
        wanted = {
            "accuracy": metrics.accuracy_score(labels, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted),
            "f1_macro": metrics.f1_score(labels, predicted, average="macro"),
        }
        parts = metrics.precision_recall_fscore_support(
            labels, predicted, labels=numbers, zero_division=np.nan
        )
    assert {name: scores[name]["value"] for name in wanted} == pytest.approx(wanted, abs=1e-9)
    assert scores["loss"] == pytest.approx(
        metrics.log_loss(labels, probabilities, labels=numbers), abs=1e-9
    )
    assert (
        scores["confusion"] == metrics.confusion_matrix(labels, predicted, labels=numbers).tolist()
    )
    for row, name in enumerate(NAMES):
        ours, (precision, recall, f1, support) = scores["per_class"][name], np.array(parts)[:, row]
        assert ours["n"] == support
        assert_same(ours["precision"], precision)
        assert_same(ours["recall"], recall)
        if support:
            assert_same(ours["f1"], f1)


def assert_same(ours, theirs):
    if np.isnan(theirs):
        assert ours is None
    else:
        assert ours == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 40), threshold=st.sampled_from([0.3, 0.5, 0.7]))
def test_multilabel_agrees_with_scikit_learn(seed, n, threshold):
    labels, probabilities = random_multilabel(seed, n)
    scores = score_split("multilabel", labels, probabilities, NAMES, threshold=threshold)
    seen = labels.any(axis=0)
    assert scores["labels_without_examples"] == [
        name for name, s in zip(NAMES, seen, strict=True) if not s
    ]
    for row, name in enumerate(NAMES):
        if seen[row]:
            wanted = metrics.average_precision_score(labels[:, row], probabilities[:, row])
            ours = scores["per_class"][name]["average_precision"]
            assert ours == pytest.approx(wanted, abs=1e-9)
        else:
            assert scores["per_class"][name]["average_precision"] is None
    if seen.any():
        pairs = [(labels[:, c], probabilities[:, c]) for c in np.flatnonzero(seen)]
        precisions = [metrics.average_precision_score(*pair) for pair in pairs]
        f1 = [metrics.f1_score(truth, likely >= threshold) for truth, likely in pairs]
        assert scores["macro_average_precision"]["value"] == pytest.approx(
            np.mean(precisions), abs=1e-9
        )
        assert scores["f1_macro"]["value"] == pytest.approx(np.mean(f1), abs=1e-9)
    entropy = np.mean(
        [metrics.log_loss(labels[:, c], probabilities[:, c], labels=[0, 1]) for c in range(4)]
    )
    assert scores["loss"] == pytest.approx(entropy, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, n=st.integers(2, 40), width=st.integers(1, 3), offset=st.sampled_from([0, 1e4]))
def test_regression_agrees_with_scikit_learn(seed, n, width, offset):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, width)) * [1, 10, 100][:width] + offset
    guess = truth + rng.normal(size=(n, width))
    scores = score_split("regression", truth, guess, ["a", "b", "c"][:width])
    wanted = {
        "mae": metrics.mean_absolute_error(truth, guess),
        "rmse": metrics.root_mean_squared_error(truth, guess),
        "r2": metrics.r2_score(truth, guess),
    }
    assert {name: scores[name]["value"] for name in wanted} == pytest.approx(wanted, rel=1e-9)
    assert scores["loss"] == pytest.approx(metrics.mean_squared_error(truth, guess), rel=1e-9)
    assert ("per_target" in scores) == (width > 1)
    if width > 1:
        each = metrics.r2_score(truth, guess, multioutput="raw_values")
        assert [row["r2"] for row in scores["per_target"].values()] == pytest.approx(each, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_one_draw_of_the_bootstrap_is_the_score_of_the_drawn_examples(seed):
    """The vectorised intervals are those of scikit-learn on examples drawn one after another."""
    labels, probabilities = random_multilabel(seed, 25)
    drawn = []

    def one_by_one(weights):
        drawn.extend(weights)
        values = []
        for weight in weights:
            rows = np.repeat(np.arange(25), weight.astype(int))
            seen = labels[rows].any(axis=0)
            kept, likely = labels[rows][:, seen], probabilities[rows][:, seen]
            values.append(metrics.average_precision_score(kept, likely, average="macro"))
        return np.array(values)

    wanted, units = draw_scores(one_by_one, 25, seed=3, draws=20)
    assert units == 25
    assert all(weight.sum() == 25 for weight in drawn)
    ranks = [Ranking(labels[:, c] > 0, probabilities[:, c]) for c in range(4)]

    def at_once(weights):
        return mean_defined(np.stack([r.average_precision(weights) for r in ranks], axis=1))

    found, _ = draw_scores(at_once, 25, seed=3, draws=20)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


def test_headline_of_each_task():
    assert [headline(task) for task in ("classification", "multilabel", "regression")] == [
        "accuracy",
        "macro_average_precision",
        "r2",
    ]
    with pytest.raises(UserError, match="multilabel"):
        headline("multi_label")


def every_number(value):
    if isinstance(value, dict):
        return [number for part in value.values() for number in every_number(part)]
    if isinstance(value, list):
        return [number for part in value for number in every_number(part)]
    return [value]


EMPTY = {
    "classification": (np.zeros(0, int), np.zeros((0, 2))),
    "multilabel": (np.zeros((0, 2)), np.zeros((0, 2))),
    "regression": (np.zeros((0, 2)), np.zeros((0, 2))),
}
PERFECT = {
    "classification": (np.arange(10) % 2, np.eye(2, dtype=np.float32)[np.arange(10) % 2]),
    "multilabel": (np.eye(2)[np.arange(10) % 2], np.eye(2)[np.arange(10) % 2]),
    "regression": (np.arange(20.0).reshape(10, 2), np.arange(20.0).reshape(10, 2)),
}


@pytest.mark.parametrize("task", list(EMPTY))
def test_an_empty_split_has_no_scores_and_is_json(task):
    scores = score_split(task, *EMPTY[task], ["a", "b"])
    json.dumps(scores, allow_nan=False)
    assert scores["n"] == 0
    assert scores["loss"] is None
    assert scores[headline(task)] == {"value": None, "low": None, "high": None}


@pytest.mark.parametrize("task", list(PERFECT))
def test_a_perfect_split(task):
    scores = score_split(task, *PERFECT[task], ["a", "b"])
    assert scores[headline(task)]["value"] == 1.0
    assert scores["loss"] == pytest.approx(0.0, abs=1e-6)
    text = json.dumps(scores, allow_nan=False)
    assert json.loads(text) == scores
    assert {type(n) for n in every_number(scores)} <= {int, float, str, type(None)}


def test_a_perfect_accuracy_still_has_a_width():
    accuracy = score_split("classification", *PERFECT["classification"], ["a", "b"])["accuracy"]
    assert accuracy == pytest.approx({"value": 1.0, "low": 0.7225, "high": 1.0}, abs=1e-4)


@pytest.mark.parametrize("n", [1, 5])
def test_r2_without_spread_is_undefined_but_the_errors_are_not(n):
    scores = score_split("regression", np.full(n, 0.1), np.full(n, 0.3), ["value"])
    assert scores["r2"] == {"value": None, "low": None, "high": None}
    assert scores["mae"]["value"] == pytest.approx(0.2)
    assert (scores["mae"]["low"] is None) == (n == 1)


def test_a_class_that_no_example_has_is_undefined_and_out_of_the_mean():
    scores = score_split("classification", [0, 0, 1], np.eye(3)[[0, 0, 1]], ["a", "b", "c"])
    assert scores["balanced_accuracy"]["value"] == 1.0
    assert scores["auroc"]["value"] == scores["average_precision"]["value"] == 1.0
    undefined = scores["per_class"]["c"]
    intervals = undefined.pop("intervals")
    curves = {"auroc": None, "average_precision": None}
    assert undefined == {"n": 0, "precision": None, "recall": None, "f1": None, **curves}
    names = ("precision", "recall", "f1")
    assert intervals == {name: {"low": None, "high": None} for name in names}


def test_groups_widen_the_interval():
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(20) < 0.7, 10)  # a patient's examples stand and fall together
    labels = np.zeros(200, int)
    probabilities = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
    patients = np.repeat(np.arange(20), 10)
    alone = score_split("classification", labels, probabilities, ["a", "b"])["accuracy"]
    grouped = score_split("classification", labels, probabilities, ["a", "b"], groups=patients)
    spread = grouped["accuracy"]["high"] - grouped["accuracy"]["low"]
    assert spread > 2 * (alone["high"] - alone["low"])


def test_one_example_without_a_group_does_not_hide_the_groups_of_the_others():
    right = np.append(np.repeat([True, True, True, False], 10), True)
    predictions = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
    task = find_task("classification").from_outputs(("a", "b"))

    def width(groups):
        table = pd.DataFrame({"split": "val", "group": groups})
        scores = score_splits(task, table, np.zeros(41, int), predictions)["val"]["accuracy"]
        return scores["high"] - scores["low"]

    patients = np.repeat(["p1", "p2", "p3", "p4"], 10).tolist()
    most, alone = width([*patients, ""]), width([""] * 41)
    assert most == pytest.approx(width([*patients, "p5"]))
    assert most > 2 * alone


def test_groups_that_say_nothing_change_nothing():
    labels, probabilities = random_classification(1)
    plain = score_split("classification", labels, probabilities, NAMES)
    named = score_split("classification", labels, probabilities, NAMES, groups=np.arange(40))
    empty = score_split("classification", labels, probabilities, NAMES, groups=[""] * 40)
    assert plain == named == empty


def test_a_example_without_a_group_stands_alone():
    numbers = group_numbers(["a", "", "a", None, float("nan"), "b", ""])
    assert numbers.tolist() == [0, 1, 0, 2, 3, 4, 5]


def test_one_group_has_no_interval():
    labels, probabilities = random_classification(1)
    scores = score_split("classification", labels, probabilities, NAMES, groups=["p"] * 40)
    assert scores["accuracy"]["low"] is None
    assert scores["accuracy"]["value"] is not None


def test_the_seed_decides():
    labels, probabilities = random_classification(1)
    first, second, other = (
        score_split("classification", labels, probabilities, NAMES, seed=seed) for seed in (0, 0, 1)
    )
    assert first == second
    assert first["f1_macro"] != other["f1_macro"]
    assert first["f1_macro"]["value"] == other["f1_macro"]["value"]


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    inside = {"wilson": 0, "bootstrap": 0}
    for trial in range(300):
        truth = rng.normal(size=60)
        right = int((rng.random(60) < 0.9).sum())
        low, high = wilson(right, 60)
        inside["wilson"] += low <= 0.9 <= high
        ends = bootstrap(lambda w, y=truth: w @ y / w.sum(axis=1), 60, seed=trial, draws=300)
        inside["bootstrap"] += ends[0][0] <= 0.0 <= ends[0][1]
    assert 0.91 < inside["wilson"] / 300 < 0.99
    assert 0.90 < inside["bootstrap"] / 300 < 0.98


@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_a_thousand_examples_are_scored_at_once(task):
    rng = np.random.default_rng(0)
    likely = rng.dirichlet(np.ones(10), 1000)
    labels = rng.integers(0, 10, 1000)
    labels = labels if task == "classification" else rng.random((1000, 10)) < 0.3
    begun = time.process_time()
    score_split(task, labels, likely, list("abcdefghij"))
    assert time.process_time() - begun < 2.0  # 0.1 s on an idle machine


def test_predictions_that_are_not_numbers_are_refused():
    with pytest.raises(UserError, match="1 of 2 examples"):
        score_split("regression", [1.0, 2.0], [1.0, np.nan], ["value"])


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        score_split("classification", [0, 1], np.ones((2, 3)) / 3, ["a", "b"])
    with pytest.raises(UserError, match="Did you mean regression"):
        find_task("regresion")


@pytest.mark.parametrize("name", ["auroc", "average_precision", "balanced_accuracy", "f1_macro"])
def test_a_perfect_mean_over_classes_still_has_a_width(name):
    """Of five examples of either class, all right, nobody knows that the next will be."""
    score = score_split("classification", *PERFECT["classification"], ["a", "b"])[name]
    assert score["value"] == score["high"] == 1.0
    assert 0.3 < score["low"] < 0.75
