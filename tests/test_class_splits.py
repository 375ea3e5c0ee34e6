"""Splits by class: no class, no group of classes on two sides; episodes score the new ones."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keras_transfer.data.class_splits import split_classes
from keras_transfer.errors import UserError
from keras_transfer.run.folder import Run
from keras_transfer.run.roles import read_splits
from keras_transfer.train import transfer

COLOURS = [
    (250, 30, 30),
    (30, 250, 30),
    (30, 30, 250),
    (240, 240, 30),
    (240, 30, 240),
    (30, 240, 240),
]
QUICK = {"base": "mobilenet_v2_0.35", "weights": "none", "image_size": 32, "quiet": True}
QUICK |= {"export": False, "report": False, "split_by": "class"}


def table_of(groups, each=3):
    """A table with so many examples of each class; groups: {class: its group}."""
    rows = [
        {"label": name, "class_group": group, "split": ""}
        for name, group in groups.items()
        for _ in range(each)
    ]
    return pd.DataFrame(rows)


groups_of_classes = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4),
    st.sampled_from(["", "", "x", "y", "z", "w"]),
    min_size=6,
)


@settings(max_examples=100, deadline=None)
@given(groups_of_classes, st.integers(0, 1000))
def test_no_class_and_no_group_is_shared(groups, seed):
    table = table_of(groups)
    sizes = table[["label", "class_group"]].drop_duplicates()["class_group"]
    units = (sizes == "").sum() + sizes[sizes != ""].nunique()
    assume(units >= 6)  # of fewer there may be too few
    split = split_classes(table, seed)
    assert set(split["split"]) <= {"train", "val", "test"}
    assert (split.groupby("label")["split"].nunique() == 1).all()
    grouped = split[split["class_group"] != ""]
    assert (grouped.groupby("class_group")["split"].nunique() <= 1).all()
    classes = split.groupby("split")["label"].nunique()
    assert classes["train"] >= 2
    assert classes["test"] >= 2
    shuffled = split_classes(table.sample(frac=1, random_state=seed), seed)
    assert dict(zip(shuffled["label"], shuffled["split"], strict=True)) == dict(
        zip(split["label"], split["split"], strict=True)
    )


def test_about_a_fifth_of_the_classes_each_become_val_and_test():
    split = split_classes(table_of({f"c{n}": "" for n in range(50)}), 0)
    counts = split.groupby("split")["label"].nunique()
    assert counts.to_dict() == {"train": 30, "val": 10, "test": 10}
    other = split_classes(table_of({f"c{n}": "" for n in range(50)}), 1)
    assert (split["split"] != other["split"]).any()


@pytest.mark.parametrize(
    ("table", "word"),
    [
        (table_of({"a": "", "b": "", "c": ""}), "too few classes"),
        (table_of({"a": "x", "b": "x", "c": "x", "d": "x"}), "too few classes"),
        (pd.concat([table_of({"a": "x", "b": "y"}), table_of({"a": "y"})]), "two class_groups"),
        (
            pd.DataFrame(
                {"label": ["a", "a", "b"], "class_group": "", "split": ["train", "test", "test"]}
            ),
            "several splits",
        ),
        (
            pd.DataFrame(
                {"label": ["a", "b", "b"], "class_group": "", "split": ["train", "", "test"]}
            ),
            "others have none",
        ),
    ],
)
def test_what_cannot_be_split_is_one_clear_line(table, word):
    with pytest.raises(UserError, match=word):
        split_classes(table, 0)


def coloured(each=8):
    """(images, labels) of six colours."""
    generator = np.random.default_rng(0)
    shape = (len(COLOURS) * each, 32, 32, 3)
    base = np.repeat(np.array(COLOURS), each, axis=0)[:, None, None]
    images = np.clip(base + generator.normal(0, 12, shape), 0, 255).astype(np.uint8)
    return images, [f"colour {n}" for n in range(len(COLOURS)) for _ in range(each)]


@pytest.mark.parametrize("strategy", ["feature_extraction", "few_shot"])
def test_a_run_is_scored_by_episodes_on_classes_that_it_never_saw(tmp_path, strategy):
    run = transfer(coloured(), out=tmp_path / "run", strategy=strategy, **QUICK)
    assert len(run.classes) == 4
    assert run.metrics["splits"]["train"]["n"] == 32
    found = run.metrics["episodes"]["test"]
    assert found["ways"] == found["classes"] == 2
    assert set(found["shots"]) == {"1", "2", "5"}
    assert found["shots"]["5"]["accuracy"]["value"] > 0.5
    splits = read_splits(Run.open(run.folder).folder)
    new = splits[splits["split"] == "test"]
    assert len(new) == 16
    assert not set(new["label"]) & set(run.classes)
    assert set(new["role"]) == {""}


def test_the_report_shows_new_classes(tmp_path):
    run = transfer(coloured(), out=tmp_path / "run", **{**QUICK, "report": True})
    page = (run.folder / "report.html").read_text()
    assert "Accuracy on new classes" in page
    assert "2 of its 2 classes" in page
    assert 'id="new-classes"' in page
    drawn = json.loads((run.folder / "episodes.json").read_text())["test"]
    assert len(drawn) == 3
    for classes in drawn:
        names = [row["class"] for row in classes]
        assert not set(names) & set(run.classes)
        for row in classes:
            asked = [query["path"] for query in row["queries"]]
            assert len({*row["support"], *asked}) == len(row["support"]) + len(asked) == 1 + 3
            assert {query["predicted"] for query in row["queries"]} <= set(names)
    episodes = page[page.index("Episode 1") : page.index("How it learned")]
    assert episodes.count("<img") >= 3 * 2 * 4
    predicted = [q["predicted"] for row in drawn[0] for q in row["queries"]]
    assert all(f">{name}</figcaption>" in episodes for name in predicted)


def test_without_its_examples_the_report_shows_no_episodes(tmp_path):
    from keras_transfer.report.html import render

    run = transfer(coloured(), out=tmp_path / "run", **QUICK)  # arrays in memory
    page = render(Run.open(run.folder))
    assert "Accuracy on new classes" in page
    assert "Episode 1" not in page


def test_several_labels_an_example_cannot_be_split_by_class(tmp_path):
    images, labels = coloured(3)
    with pytest.raises(UserError, match="one class an example"):
        transfer((images, [f"{label}|x" for label in labels]), out=tmp_path / "run", **QUICK)


def test_an_unseen_class_in_test_names_the_option(tmp_path):
    from PIL import Image

    images, labels = coloured(4)
    for image, label, number in zip(images, labels, range(len(labels)), strict=True):
        split = "test" if label in ("colour 0", "colour 1") else "train"
        (tmp_path / "data" / split / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "data" / split / label / f"{number}.png")
    with pytest.raises(UserError, match="--split-by class"):
        transfer(tmp_path / "data", out=tmp_path / "run", **{**QUICK, "split_by": "example"})
    run = transfer(tmp_path / "data", out=tmp_path / "run", **QUICK)
    assert run.metrics["episodes"]["test"]["classes"] == 2
    assert sorted(run.classes) == [f"colour {n}" for n in range(2, 6)]
