"""Thresholds for two classes: chosen on some examples, scored on others."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from keras_transfer.config import config_class
from keras_transfer.errors import UserError
from keras_transfer.evaluate.thresholds import POINTS, choose_threshold
from keras_transfer.tasks import find_task

TASK = find_task("classification").from_outputs(("healthy", "ill"))
SHARES = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 0.9, 1.0])
EIGHTHS = st.integers(0, 8).map(lambda eighths: eighths / 8)  # many ties, and 0 and 1


def config(**knobs):
    return config_class()(**knobs)


@st.composite
def cases(draw):
    n = draw(st.integers(2, 30))
    positive = draw(
        st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda b: 0 < sum(b) < n)
    )
    likely = draw(st.lists(EIGHTHS | st.floats(0, 1), min_size=n, max_size=n))
    return np.array(positive), np.array(likely)


@settings(max_examples=200, deadline=None)
@given(case=cases(), wanted=SHARES, point=st.sampled_from(sorted(POINTS)))
def test_no_threshold_that_reaches_what_is_wanted_does_better(case, wanted, point):
    positive, likely = case
    chosen = choose_threshold(positive, likely, point, wanted)
    first, second = POINTS[point]
    assert chosen[first] >= wanted - 1e-12
    found = likely >= chosen["threshold"]
    assert chosen["sensitivity"] == pytest.approx(metrics.recall_score(positive, found))
    assert chosen["specificity"] == pytest.approx(metrics.recall_score(~positive, ~found))
    false_alarms, hits, _ = metrics.roc_curve(positive, likely, drop_intermediate=False)
    curve = {"sensitivity": hits, "specificity": 1 - false_alarms}
    best = curve[second][curve[first] >= wanted - 1e-12].max()
    assert chosen[second] == pytest.approx(best)


def test_the_threshold_lies_between_two_probabilities():
    positive, likely = np.array([0, 0, 1, 1], bool), np.array([0.1, 0.2, 0.6, 0.9])
    for point in POINTS:
        assert choose_threshold(positive, likely, point, 1.0) == {
            "threshold": pytest.approx(0.4),
            "sensitivity": 1.0,
            "specificity": 1.0,
        }


def predictions_of(likely):
    likely = np.asarray(likely, np.float32)
    return np.stack([1 - likely, likely], axis=1)


TARGETS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
LIKELY = [0.1, 0.2, 0.3, 0.7, 0.25, 0.6, 0.8, 0.9]


@pytest.mark.parametrize(
    ("knobs", "threshold", "sensitivity", "specificity"),
    [
        ({"at_specificity": 0.7}, 0.45, 0.75, 0.75),
        ({"at_specificity": 1.0}, 0.75, 0.5, 1.0),
        ({"at_sensitivity": 1.0}, 0.225, 1.0, 0.5),
        # the other class is found by its own probability: 0.3 is 0.7 of it
        ({"at_specificity": 0.7, "positive": "healthy"}, 0.55, 0.75, 0.75),
        ({"at_sensitivity": 1.0, "positive": "healthy"}, 0.25, 1.0, 0.5),
    ],
)
def test_by_hand(knobs, threshold, sensitivity, specificity):
    chosen = TASK.choose_thresholds(TARGETS, predictions_of(LIKELY), config(**knobs))
    ((point, found),) = chosen.items()
    assert point in knobs
    assert found == {
        "wanted": knobs[point],
        "positive": knobs.get("positive", "ill"),
        "threshold": pytest.approx(threshold),
        "sensitivity": sensitivity,
        "specificity": specificity,
    }
    scores = TASK.score_thresholds(chosen, TARGETS, predictions_of(LIKELY))
    assert scores[point]["sensitivity"]["value"] == sensitivity
    assert scores[point]["specificity"]["value"] == specificity
    assert set(scores[point]) == {
        *("wanted", "threshold", "positive", "sensitivity", "specificity", "confusion")
    }
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_confusion_has_a_row_for_each_true_class():
    chosen = {"at_specificity": {"wanted": 0.5, "threshold": 0.65, "positive": "ill"}}
    scores = TASK.score_thresholds(chosen, TARGETS, predictions_of(LIKELY))["at_specificity"]
    assert scores["confusion"] == [[3, 1], [2, 2]]
    chosen["at_specificity"]["positive"] = "healthy"
    scores = TASK.score_thresholds(chosen, TARGETS, predictions_of(LIKELY))["at_specificity"]
    assert scores["confusion"] == [[3, 1], [1, 3]]


def test_intervals_are_wilson_s_and_wider_with_groups():
    chosen = {"at_specificity": {"wanted": 0.5, "threshold": 0.5, "positive": "ill"}}
    targets = np.repeat(TARGETS, 10)
    likely = predictions_of(np.repeat(LIKELY, 10))
    plain = TASK.score_thresholds(chosen, targets, likely)["at_specificity"]["sensitivity"]
    groups = np.repeat(np.arange(8), 10)
    grouped = TASK.score_thresholds(chosen, targets, likely, groups)["at_specificity"]
    assert plain == pytest.approx({"value": 0.75, "low": 0.5981, "high": 0.8581}, abs=1e-4)
    assert grouped["sensitivity"]["high"] - grouped["sensitivity"]["low"] > 0.5


def test_a_split_without_positive_examples_has_no_sensitivity():
    chosen = {"at_specificity": {"wanted": 0.5, "threshold": 0.5, "positive": "ill"}}
    scores = TASK.score_thresholds(chosen, np.zeros(3, int), predictions_of([0.1, 0.2, 0.9]))
    assert scores["at_specificity"]["sensitivity"]["value"] is None
    assert scores["at_specificity"]["specificity"]["value"] == pytest.approx(2 / 3)


def test_nothing_is_chosen_unless_asked_for():
    chosen = TASK.choose_thresholds(TARGETS, predictions_of(LIKELY), config())
    assert chosen == TASK.score_thresholds(chosen, TARGETS, predictions_of(LIKELY)) == {}


@pytest.mark.parametrize(
    ("task", "outputs", "knobs", "message"),
    [
        ("classification", "abc", {"at_specificity": 0.9}, "--at-specificity needs.*3 classes"),
        ("classification", "ab", {"at_specificity": 0.9, "at_sensitivity": 0.9}, "one threshold"),
        ("classification", "ab", {"at_sensitivity": 0.9, "positive": "c"}, "unknown class"),
        ("multilabel", "ab", {"at_sensitivity": 0.9}, "--at-sensitivity is for --task classif"),
        ("regression", "a", {"positive": "x"}, "--positive is for --task classification"),
    ],
)
def test_what_has_no_meaning_is_refused(task, outputs, knobs, message):
    with pytest.raises(UserError, match=message):
        find_task(task).from_outputs(tuple(outputs)).check_settings(config(**knobs))


def test_the_settings_of_one_task_alone_pass():
    own = config_class(task="regression")()
    assert "at_specificity" not in {field.name for field in dataclasses.fields(own)}
    find_task("regression").from_outputs(("a",)).check_settings(own)


def test_a_threshold_needs_both_classes():
    asked = config(at_specificity=0.9)
    with pytest.raises(UserError, match=r"both classes.*0 positive of 3"):
        TASK.choose_thresholds(np.zeros(3, int), predictions_of([0.1, 0.2, 0.9]), asked)
