"""Whether a file loses more than chance: exact, honest about few examples, fair to groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.export.certificate.evaluation_set import draw_evaluation_set
from keras_transfer.export.certificate.non_inferiority import compare, hold_headline, judge_file
from keras_transfer.tasks import find_task, load_task
from tests.support.tiny import spec
from tests.test_strategies import tiny_dataset


def judged(right_model, right_file, max_drop=0.01, groups=None):
    """The Verdict of a two-class file, from which examples each gets right."""
    task = find_task("classification").from_outputs(("a", "b"))
    targets = np.zeros(len(right_model), np.int64)
    one, other = (np.eye(2)[1 - np.asarray(right, int)] for right in (right_model, right_file))
    return judge_file(task, targets, one, other, max_drop, groups)


def worse_by(count, of):
    """A model that is always right, and a file that is not `count` times."""
    right = np.ones(of, bool)
    return right, np.arange(of) >= count


def test_a_drop_counts_when_it_is_more_than_chance():
    verdict = judged(*worse_by(30, of=1000))
    assert not verdict.passed
    assert verdict.drop == pytest.approx(0.03)
    assert verdict.p_value == pytest.approx(0.5**30)  # McNemar: thirty changes, all for the worse
    assert judged(*worse_by(30, of=1000), max_drop=0.05).passed
    few = judged(*worse_by(4, of=100))
    assert few.passed  # four of four changes: p = 1/16
    assert not few.conclusive
    assert few.p_value == pytest.approx(1 / 16)


def test_the_limit_of_a_drop_is_the_exact_one():
    from scipy.stats import binom

    verdict = judged(*worse_by(3, of=1000))
    # Clopper and Pearson: with a share at the limit, so few or fewer come up in 5 % of draws
    assert binom.cdf(3, 1000, verdict.drop_upper_95) == pytest.approx(0.05)
    assert verdict.conclusive
    assert "no more than 0.01" in verdict.reason


@given(of=st.integers(5, 2000), share=st.floats(0, 0.09), max_drop=st.floats(0, 0.2))
@settings(max_examples=60, deadline=None)
def test_nothing_is_called_to_lose_no_more_that_did(of, share, max_drop):
    verdict = judged(*worse_by(int(share * of), of), max_drop)
    if "no more than" in verdict.reason:
        assert verdict.drop <= verdict.drop_upper_95 <= max_drop
    if not verdict.conclusive:
        assert verdict.passed
        assert verdict.examples_needed is None or verdict.examples_needed > of


def test_so_many_examples_as_are_needed_tell_most_of_the_time():
    verdict = judged(*worse_by(4, of=100))
    rng = np.random.default_rng(0)
    clear = 0
    for _ in range(100):
        lost = int(rng.binomial(verdict.examples_needed, 0.04))
        clear += not judged(*worse_by(lost, of=verdict.examples_needed)).passed
    assert clear >= 75


def test_examples_of_one_patient_count_as_one():
    right, worse = worse_by(20, of=400)
    alone = judged(right, worse)
    assert alone.p_value < 0.001
    patients = np.array([f"patient {row // 20}" for row in range(400)])  # the first lost all
    together = judged(right, worse, groups=patients)
    assert together.passed
    assert together.p_value > 0.4
    assert not together.conclusive


def test_an_example_without_a_group_counts_alone_and_hides_no_group():
    right, worse = worse_by(20, of=401)
    patients = np.array([f"patient {row // 20}" if row < 400 else "" for row in range(401)])
    together = judged(right, worse, groups=patients)
    assert together.passed
    assert together.p_value > 0.4
    half = np.where(np.arange(400) < 200, "", [f"patient {row // 20}" for row in range(400)])
    # twenty without a group got worse: they are twenty changes, not one
    assert judged(*worse_by(20, of=400), groups=half).p_value < 0.001
    assert not judged(*worse_by(20, of=400), groups=half).passed


@pytest.mark.parametrize("groups", [np.full(100, ""), np.arange(100).astype(str)])
def test_groups_of_one_example_each_leave_the_exact_test(groups):
    assert judged(*worse_by(4, of=100), groups=groups) == judged(*worse_by(4, of=100))


def test_the_evaluation_set_keeps_the_groups_where_an_example_has_none():
    dataset = tiny_dataset(per_kind=4)
    table = dataset.examples.table
    table["group"] = [f"patient {number // 2}" for number in range(len(table))]
    table.loc[len(table) - 1, "group"] = ""
    drawn = draw_evaluation_set(dataset, "train", 0)
    assert list(drawn.groups) == list(table["group"][table["split"] == "val"])


def test_what_has_no_spread_is_compared_all_the_same():
    task = find_task("regression").from_outputs(("value",))
    for count in (1, 5):
        numbers = np.full((count, 1), 7.0)
        verdict = judge_file(task, numbers, numbers, numbers + 1e-6, 0.01)
        assert verdict.passed
        assert np.isfinite(verdict.p_value)
        assert not judge_file(task, numbers, numbers, numbers + 5, 0.01).passed


def test_a_loss_of_the_leading_score_has_to_be_more_than_chance():
    clear, unclear = (judged(*worse_by(count, of=2000)) for count in (8, 3))  # p = 0.004, 0.125
    assert clear.passed
    assert unclear.passed
    assert hold_headline(clear, "map50", 0.02, 0.02) == clear
    failed = hold_headline(clear, "map50", 0.03, 0.02)
    assert (failed.passed, failed.conclusive) == (False, True)
    assert "loses 0.030 of map50, more than 0.02 and than chance" in failed.reason
    known = hold_headline(unclear, "map50", 0.03, 0.02)
    assert (known.passed, known.conclusive) == (True, False)


def test_numbers_agree_in_units_of_the_labels():
    about = spec("regression", names=["cells"])._replace(task_settings={"scale": [4.0]})
    task = load_task(about)
    assert task.scale == (4.0,)
    numbers = np.linspace(9.9, 10.1, 20)[:, None]  # a model that hardly tells examples apart
    assert judge_file(task, numbers, numbers, numbers + 0.3, 1.0).p_value < 0.01
    assert task.agreement(numbers, numbers + 0.39).all()
    assert not task.agreement(numbers, numbers + 0.41).any()


def test_a_label_that_vanishes_shows_among_many_labels():
    task = find_task("multilabel").from_outputs([f"label {place}" for place in range(80)])
    rng = np.random.default_rng(0)
    found = (rng.uniform(size=(200, 80)) < 0.05).astype(np.float64)
    silent = found.copy()
    silent[:, :40] = 0
    verdict = judge_file(task, found, found, silent, 0.01)
    assert not verdict.passed
    nearly = found.copy()
    nearly[::50, 3] = 1 - nearly[::50, 3]
    assert judge_file(task, found, found, nearly, 0.01).passed


@given(seed=st.integers(0, 10**6), count=st.integers(2, 80))
@settings(max_examples=40, deadline=None)
def test_a_file_that_predicts_alike_passes_whatever_it_is_asked(seed, count):
    rng = np.random.default_rng(seed)
    for name, width in (("classification", 4), ("multilabel", 3), ("regression", 2)):
        task = find_task(name).from_outputs(tuple("abcd"[:width]))
        found = rng.dirichlet(np.ones(width), count)
        targets = rng.integers(0, width, count) if name == "classification" else found.round()
        verdict = judge_file(task, targets, found, found.copy(), 0.0)
        assert verdict.passed
        assert verdict.drop == 0
        assert task.agreement(found, found).all()
        compared = compare(task, found, found, [str(row) for row in range(count)])
        assert compared["largest_difference"] == 0
        assert compared["changed"] == []
