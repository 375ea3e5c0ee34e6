"""What a person reads of the scores of a run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.config import names_in
from keras_transfer.report.decisions import decision_lines
from keras_transfer.report.numbers import threshold
from keras_transfer.report.text import WIDTH, score_table
from keras_transfer.tasks import find_task


def scores_of(width, used=False):
    rng = np.random.default_rng(0)
    task = find_task("classification").from_outputs(tuple(f"c{n:02}" for n in range(width)))
    labels = rng.integers(0, width, 100)
    likely = rng.dirichlet(np.ones(width), 100)
    return {"used_for_selection": used, **task.score(labels, likely)}


def test_the_headline_comes_first_and_few_others_follow():
    splits = {"val": scores_of(12, used=True), "test": scores_of(12)}
    table = score_table("classification", splits)
    head, val, test, note = table.splitlines()[:4]
    assert head.split("  ")[:3] == ["split", "examples", "accuracy"]
    assert "AUROC" in head
    assert "log loss" not in head
    assert val.startswith("val* ")
    assert test.startswith("test ")
    assert note == "* used for selection"
    low = splits["val"]["accuracy"]["low"]
    assert f"({low:.3f} .. " in val
    assert max(map(len, table.splitlines())) <= WIDTH


def test_each_class_has_a_row_of_numbers():
    table = score_table("classification", {"val": scores_of(3)})
    row = next(line for line in table.splitlines() if line.startswith("c01"))
    assert len(row.split()) == 7
    assert "{" not in table
    assert "used for selection" not in table


def test_no_task_shows_more_than_four_scores():
    for name in names_in("tasks"):
        task = find_task(name)
        assert len({task.headline, *task.shown_scores}) == 1 + len(task.shown_scores) <= 4


def test_thresholds_are_described_in_words():
    def value(number):
        return {"value": number, "low": number - 0.1, "high": number + 0.1}

    scores = {
        "unsure": {"coverage": value(0.8), "error": value(0.2)},
        "at_specificity": {
            "wanted": 0.95,
            "threshold": 0.25,
            "positive": "ill",
            "sensitivity": value(0.5),
            "specificity": value(0.9),
        },
    }
    sure, decided = decision_lines("val", scores)
    assert sure == "sure of 80.0% (70.0 .. 90.0) of val; of these 20.0% (10.0 .. 30.0) are wrong"
    assert decided == (
        "ill from 0.25 on, for a specificity of 0.95: in val sensitivity 50.0% (40.0 .. 60.0), "
        "specificity 90.0% (80.0 .. 100.0)"
    )
    nothing = {"value": 0.0, "low": 0.0, "high": 0.1}
    (none,) = decision_lines("val", {"unsure": {"coverage": nothing, "error": value(0.2)}})
    assert none == "no prediction of val is sure enough for --error-rate"
    assert decision_lines("val", {"r2": value(0.3)}) == []


def test_a_threshold_just_under_1_is_not_rounded_to_it():
    assert [threshold(value) for value in (0.0, 0.8, 0.99962, 1.0)] == ["0", "0.8", "0.9996", "1"]


@settings(max_examples=200)
@given(st.floats(0.0, 1.0, exclude_max=True))
def test_whatever_the_threshold_it_is_shown_as_less_than_1(value):
    assert float(threshold(value)) == pytest.approx(value, rel=0.01)
    assert float(threshold(value)) < 1
