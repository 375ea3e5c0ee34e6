"""What a person reads of the scores of a run."""

import numpy as np

from keras_transfer.config import names_in
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
    assert "auroc" in head
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
