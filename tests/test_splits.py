"""Who is measured: the draw is fair to every class, whole in its groups, and always the same."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.data.dataset import draw_holdout
from keras_transfer.data.sources.specs import read_source
from keras_transfer.data.splits import (
    check_labels,
    complete_splits,
    draw_part,
    find_duplicates,
    find_shared_groups,
    folds,
    groups_of,
)
from keras_transfer.errors import UserError
from keras_transfer.tasks import find_task

SEEDS = st.integers(0, 2**31 - 1)
CLASS_LABELS = st.lists(st.sampled_from("abcd"), min_size=2, max_size=60).filter(
    lambda labels: len(set(labels)) < len(labels)  # else nothing can be held out
)
LABEL_SETS = st.lists(
    st.sets(st.sampled_from("abc")).map(sorted).map(tuple), min_size=2, max_size=40
)


def table(labels, split="", group=""):
    shown = [f"{number}.png" for number in range(len(labels))]
    column = pd.Series(list(labels), dtype=object)
    cells = {"path": shown, "label": column, "split": split, "group": group, "shown": shown}
    return pd.DataFrame(cells)


def strata(labels, task="classification"):
    return find_task(task).strata(list(labels))


def drawn_splits(cells, task, seed):
    return complete_splits(cells, strata(cells["label"], task), seed)


def folds_of(labels, groups, count, seed, task):
    in_each = find_task(task).strata_in_each_fold
    return folds(strata(labels, task), groups, count, seed, in_each)


def refusal(function, *arguments):
    with pytest.raises(UserError) as refused:
        function(*arguments)
    return str(refused.value)


def grouped(labels, number_of_groups, seed):
    """A group for each label's example, groups mixed over labels; some examples have none."""
    drawn = np.random.default_rng(seed).integers(0, number_of_groups + 1, len(labels))
    return ["" if number == 0 else f"g{number}" for number in drawn]


def can_be_drawn(labels, groups):
    """Whether any group (or example without one) holds only labels that others hold as well."""
    units = [group or row for row, group in enumerate(groups)]

    def held(rows):
        return {name for row in rows for name in labels[row] or ["no label"]}

    rows = range(len(labels))
    return any(
        held(row for row in rows if units[row] == unit)
        <= held(row for row in rows if units[row] != unit)
        for unit in set(units)
    )


# complete_splits


def test_what_the_data_brings_is_kept():
    brought = table("aabb", split=["train", "val", "train", "val"])
    assert drawn_splits(brought, "classification", 0) is brought


@pytest.mark.parametrize("split", ["", "train"])
def test_a_fifth_of_train_becomes_test(split):
    drawn = drawn_splits(table("ab" * 50, split), "classification", 0)
    assert (drawn["split"] == "test").sum() == 20
    assert (drawn["split"] == "train").sum() == 80
    assert drawn[drawn["split"] == "test"]["label"].value_counts().to_dict() == {"a": 10, "b": 10}
    assert list(drawn["shown"]) == list(table("ab" * 50)["shown"])


def test_a_column_that_is_half_empty_is_refused():
    half = table("aabb", split=["train", "", "train", "test"])
    assert "1 of 4 without" in refusal(drawn_splits, half, "classification", 0)


def test_one_group_for_all_is_refused():
    one = table("aabb", group="patient")
    assert "in 1 group" in refusal(drawn_splits, one, "classification", 0)
    assert "in 1 group" in refusal(folds, one["label"], one["group"], 5, 0, "classification")


@settings(max_examples=60, deadline=None)
@given(labels=CLASS_LABELS, seed=SEEDS)
def test_every_class_is_on_both_sides_where_it_can_be(labels, seed):
    drawn = drawn_splits(table(labels), "classification", seed)
    for label in set(labels):
        sides = list(drawn["split"][drawn["label"] == label])
        assert "train" in sides
        assert ("test" in sides) == (len(sides) >= 2)
        # A fifth, to the nearest example, but one at least.
        wanted = 0.2 * len(sides)
        assert sides.count("test") <= max(1, wanted + 0.5)
        assert sides.count("test") >= wanted - 0.5 or sides.count("test") == len(sides) - 1


@settings(max_examples=60, deadline=None)
@given(labels=CLASS_LABELS, seed=SEEDS, data=st.data())
def test_the_draw_hangs_on_names_not_on_the_order_of_rows(labels, seed, data):
    groups = grouped(labels, 6, seed) if data.draw(st.booleans()) else [""] * len(labels)
    # an example on its own whose class others have too can always be drawn
    labels, groups = [*labels, labels[0]], [*groups, ""]
    rows = table(labels, group=groups)
    order = data.draw(st.permutations(range(len(labels))))

    def drawn(rows):
        return drawn_splits(rows, "classification", seed).set_index("shown")["split"]

    assert drawn(rows).equals(drawn(rows))
    assert drawn(rows.iloc[order]).sort_index().equals(drawn(rows).sort_index())


def test_seeds_differ_and_new_examples_leave_most_old_ones_where_they_were():
    rows = table("ab" * 200)
    first = drawn_splits(rows, "classification", 0)["split"]
    assert (first != drawn_splits(rows, "classification", 1)["split"]).any()
    more = drawn_splits(table("ab" * 210), "classification", 0)["split"][:400]
    moved = (first != more).sum()
    assert moved <= 8  # a fifth of the 20 new examples, in and out


@settings(max_examples=60, deadline=None)
@given(labels=CLASS_LABELS, seed=SEEDS, number=st.integers(1, 12))
def test_no_group_is_on_two_sides_and_no_class_is_lost_to_train(labels, seed, number):
    groups = grouped(labels, number, seed)
    rows = table(labels, group=groups)
    if not can_be_drawn(labels, groups):  # e.g. each class has a single group
        assert "no examples can be held out" in refusal(drawn_splits, rows, "classification", seed)
        return
    drawn = drawn_splits(rows, "classification", seed)
    named = drawn[drawn["group"] != ""]
    assert (named.groupby("group")["split"].nunique() == 1).all()
    assert set(drawn["label"][drawn["split"] == "train"]) == set(labels)
    assert "test" in set(drawn["split"])


def test_groups_of_one_class_each_give_every_class_a_test_side():
    labels = [label for label in "abc" for _ in range(30)]
    groups = [f"{label}{number // 3}" for label in "abc" for number in range(30)]
    drawn = drawn_splits(table(labels, group=groups), "classification", 3)
    counts = drawn[drawn["split"] == "test"]["label"].value_counts()
    assert counts.to_dict() == {"a": 6, "b": 6, "c": 6}


@settings(max_examples=60, deadline=None)
@given(labels=LABEL_SETS, seed=SEEDS)
def test_several_labels_none_is_lost_to_train(labels, seed):
    if not can_be_drawn(labels, [""] * len(labels)):
        assert "no examples can be held out" in refusal(
            drawn_splits, table(labels), "multilabel", seed
        )
        return
    drawn = drawn_splits(table(labels), "multilabel", seed)
    assert "test" in set(drawn["split"])
    train = drawn["label"][drawn["split"] == "train"]
    assert {name for label in train for name in label} == {n for label in labels for n in label}


def test_several_labels_keep_their_shares(real_data):
    rows = read_source(real_data("scenes_multilabel")).table
    drawn = drawn_splits(rows.assign(split=""), "multilabel", 0)
    names = drawn[["label", "split"]].explode("label")
    shares = names.groupby("label")["split"].apply(lambda split: (split == "test").mean())
    assert shares.between(0.18, 0.23).all()
    assert 0.18 < (drawn["split"] == "test").mean() < 0.23


@pytest.mark.parametrize("targets", [1, 2])
def test_numbers_are_drawn_evenly_over_their_range(targets):
    values = np.random.default_rng(0).gamma(2, 10, (300, targets))
    labels = values[:, 0].tolist() if targets == 1 else [tuple(row) for row in values.tolist()]
    test = (drawn_splits(table(labels), "regression", 0)["split"] == "test").to_numpy()
    assert test.sum() == 60
    order = ((values - values.mean(axis=0)) / values.std(axis=0)).sum(axis=1).argsort()
    quarters = test[order].reshape(4, 75).mean(axis=1)
    assert (np.abs(quarters - 0.2) < 0.06).all()


def test_real_patients_stay_on_one_side(real_data):
    rows = read_source(real_data("chest_xray")).table
    drawn = drawn_splits(rows[rows["split"] == "train"].assign(split=""), "classification", 0)
    assert (drawn.groupby("group")["split"].nunique() == 1).all()
    shares = drawn.groupby("label")["split"].apply(lambda split: (split == "test").mean())
    assert shares.between(0.19, 0.21).all()


# draw_part and folds


@settings(max_examples=60, deadline=None)
@given(labels=CLASS_LABELS, seed=SEEDS)
def test_a_tenth_for_the_holdout(labels, seed):
    part = draw_part(strata(labels), [""] * len(labels), 0.1, seed)
    assert part.dtype == bool
    assert (part == draw_part(strata(labels), [""] * len(labels), 0.1, seed)).all()
    rest = {label for label, drawn in zip(labels, part, strict=True) if not drawn}
    inside = {label for label, drawn in zip(labels, part, strict=True) if drawn}
    assert rest == set(labels)
    assert inside == {label for label in labels if labels.count(label) > 1}


@settings(max_examples=60, deadline=None)
@given(labels=CLASS_LABELS, seed=SEEDS, count=st.integers(2, 7), number=st.integers(0, 9))
def test_folds_divide_without_losing_a_class_or_a_group(labels, seed, count, number):
    groups = grouped(labels, number, seed) if number else [""] * len(labels)
    # an example on its own whose class others have too can always be held out
    labels, groups = np.array([*labels, labels[0]]), np.array([*groups, ""])
    parts = folds_of(labels, groups, count, seed, "classification")
    held_out = np.concatenate([test for _, test in parts])
    assert len(set(held_out)) == len(held_out)
    for train, test in parts:
        assert len(test)
        assert sorted([*train, *test]) == list(range(len(labels)))
        assert set(labels[train]) == set(labels)
        assert not set(groups[train]) & set(groups[test]) - {""}
    again = folds_of(labels, groups, count, seed, "classification")
    assert all((a[1] == b[1]).all() for a, b in zip(parts, again, strict=True))


def test_folds_are_even_and_hold_everybody_out_once():
    labels = list("aaabb" * 20)
    parts = folds_of(labels, [""] * 100, 5, 0, "classification")
    assert [len(test) for _, test in parts] == [20] * 5
    assert all(sum(labels[row] == "a" for row in test) == 12 for _, test in parts)
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(100))
    assert any(
        (a[1] != b[1]).any()
        for a, b in zip(parts, folds_of(labels, [""] * 100, 5, 1, "classification"), strict=True)
    )


def test_fewer_folds_where_a_class_has_few_examples():
    assert len(folds_of("aaaaaaaabbb", [""] * 11, 5, 0, "classification")) == 3
    assert len(folds_of("aaaaaaaabb", [""] * 10, 5, 0, "classification")) == 2
    parts = folds_of("aaaaaaaab", [""] * 9, 5, 0, "classification")
    assert len(parts) == 2
    assert all(8 in train for train, _ in parts)  # the only b is never held out


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_folds_of_other_tasks(task):
    labels = [("a",), ("a", "b"), ()] * 10 if task == "multilabel" else list(np.arange(30.0))
    parts = folds_of(labels, [""] * 30, 5, 0, task)
    thirds = np.array([{(): 0, ("a",): 1}.get(label, 2) for label in labels])
    if task == "regression":
        thirds = np.arange(30) // 10
    for _, test in parts:
        assert np.bincount(thirds[test]).tolist() == [2, 2, 2]


# check_labels and find_duplicates


@pytest.mark.parametrize(
    ("labels", "splits", "task", "message"),
    [
        ("aaaa", "", "classification", "only one class to learn (found: a)"),
        ("aabb", "test", "classification", "no examples to train on (found: 4 in test)"),
        ("aaab", "", "classification", "single training example (found: b)"),
        ("aabbc", ["train"] * 4 + ["test"], "classification", "labels in test that train lacks"),
        ("aabbc", ["train"] * 4 + ["val"], "classification", "(found: c)"),
        ([("a",), ("a",)], "", "multilabel", "only one combination of labels"),
        ([("a",), ("a",), ("b",)], "", "multilabel", "single training example (found: b)"),
        ([1.0, 1.0], "", "regression", "only one number"),
        ("", "", "classification", "an empty table"),
        ("aaabcdefghi", "", "classification", "b, c, d, e, f and 3 more"),
    ],
)
def test_tables_that_cannot_be_learned_from(labels, splits, task, message):
    assert message in refusal(check_labels, table(labels, splits), find_task(task))


def test_tables_that_can_be_learned_from():
    check_labels(table("aabb"), find_task("classification"))
    check_labels(table("aabba", ["train"] * 4 + ["test"]), find_task("classification"))
    check_labels(table([("a",), ("a", "b"), ("b",), ()]), find_task("multilabel"))
    check_labels(table([1.0, 2.0, 9.0], ["train", "train", "val"]), find_task("regression"))


def test_duplicates_across_splits_are_named_and_others_not():
    rows = table("aaaaa", ["test", "train", "train", "val", "test"])
    hashes = ["x", "x", "y", "y", "z"]
    assert find_duplicates(rows, hashes) == [
        ("2.png", "3.png", "train", "val"),
        ("1.png", "0.png", "train", "test"),
    ]
    assert find_duplicates(rows.assign(sha256=["", "", "", "", ""])) == []
    assert find_duplicates(table("aa", "train"), ["x", "x"]) == []


def test_the_same_contents_are_drawn_to_one_side():
    cells = table("ab" * 20).assign(sha256=[f"{n // 4:064x}" for n in range(40)])
    assert set(groups_of(cells)) == {f"content {n:064x}" for n in range(10)}
    for seed in range(5):
        splits = complete_splits(cells, strata(cells["label"], "classification"), seed)["split"]
        assert all(len(set(splits[n : n + 4])) == 1 for n in range(0, 40, 4))
        assert set(splits) == {"train", "test"}
        train = cells.assign(split="train")
        fit, select, _ = draw_holdout(train, find_task("classification"), seed)
        assert not set(fit // 4) & set(select // 4)


def test_a_group_of_its_own_wins_over_the_same_contents():
    cells = table("aabb").assign(sha256=["x", "x", "y", ""], group=["", "g", "", ""])
    assert list(groups_of(cells)) == ["content x", "g", "", ""]
    assert list(groups_of(table("aa"))) == ["", ""]


def test_groups_in_two_splits_are_found():
    rows = table("aaaaa", ["train", "val", "train", "test", "val"])
    assert find_shared_groups(rows.assign(group=["p", "p", "q", "", ""])) == [
        ("p", ["train", "val"])
    ]
    assert find_shared_groups(rows.assign(group=["p", "q", "p", "r", "q"])) == []
    assert find_shared_groups(rows) == []
