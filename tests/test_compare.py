"""`compare`: the same examples for all runs, and in words what is more than chance."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_transfer as kt
from keras_transfer.cli.compare import main
from keras_transfer.errors import UserError
from keras_transfer.report.compare import comparison_page, comparison_text, sentence
from keras_transfer.run.comparison import compare_runs
from keras_transfer.run.folder import Run
from keras_transfer.tasks import find_task
from tests.support.runs import examples, plant_run, two_classes

TWO = find_task("classification").from_outputs(("a", "b"))
N = 120


def plant(folder, right, table=None, **settings):
    """A run of two classes, of which examples (all of class a) it gets right."""
    table = examples(["a"] * len(right)) if table is None else table
    return plant_run(folder, TWO, table, {"test": two_classes(right)}, **settings)


@pytest.fixture
def three(tmp_path):
    """Runs that are right for all of N examples, for 10 less, and for another 10 less."""
    numbers = np.arange(N)
    wrong = {"best": numbers < 0, "middle": numbers < 10, "other": numbers >= N - 10}
    return [plant(tmp_path / name, ~wrong) for name, wrong in wrong.items()]


def refusal(*folders, **settings):
    with pytest.raises(UserError) as refused:
        compare_runs(folders, **settings)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_two_real_runs(finished, tmp_path, capsys):
    run, photos = finished
    other = kt.transfer(
        photos, image_size=32, out=tmp_path / "worse", export=False, quiet=True, seed=1
    )
    page = tmp_path / "page.html"
    asked = [str(run.folder), str(other.folder), "--out", str(page)]
    assert main([*asked, "--split", "val", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["split"], found["examples"]) == ("val", 18)
    for row in found["runs"]:
        scores = Run.open(row["folder"]).metrics
        assert row["score"] == scores["splits"]["val"]["accuracy"]  # the very same, from files
        assert row["seconds"] == scores["seconds"]
        assert row["used_for_selection"] is False
    sizes = {row["name"]: row["exports"] for row in found["runs"]}
    assert sizes["worse"] == {}
    assert sizes["run"]["tflite"]["bytes"] == (run.folder / "exports/model.tflite").stat().st_size
    assert main(asked) == 0
    out, err = capsys.readouterr()
    assert "18 examples of test, scored by every run" in out
    assert "only 18 examples: small differences cannot show" in err
    assert "no difference that is more than chance" in page.read_text(encoding="utf-8")


def test_who_is_better_and_by_how_much(three):
    found = compare_runs([three[1], three[0], three[2]])
    assert found["best"] == "best"
    assert [row["name"] for row in found["runs"]] == ["best", "middle", "other"]
    assert [row["paired_score"] for row in found["runs"]] == pytest.approx([1, 11 / 12, 11 / 12])
    pairs = {(pair["one"], pair["other"]): pair for pair in found["pairs"]}
    clear, alike = pairs["best", "middle"], pairs["middle", "other"]
    assert clear["p_value"] == pytest.approx(2 / 2**10)  # ten changes, all for the worse
    assert clear["p_holm"] == pytest.approx(3 * 2 / 2**10)
    assert alike["p_value"] == 1  # ten for the worse, ten for the better
    assert re.fullmatch(
        r"best is better than middle by 8\.3 points \(\d\.\d \.\. \d+\.\d\), more than chance "
        r"\(p = 0\.0059 after Holm\)",
        sentence(found, clear),
    )
    assert re.fullmatch(
        r"middle and other: no difference that is more than chance: 0\.0 points "
        r"\(-\d\.\d \.\. \d\.\d\), p = 1 after Holm",
        sentence(found, alike),
    )
    text = comparison_text(found)
    assert "1 more pair" in text  # each against the best; all of them in JSON
    assert "120 examples of test, scored by every run\n" in text
    assert "after Holm" not in comparison_text(compare_runs(three[:2]))  # one pair: no correction


def test_examples_meet_by_content_whatever_their_order_and_name(three, tmp_path):
    before = compare_runs(three[:2])
    order = np.random.default_rng(0).permutation(N)
    table = examples(["a"] * N)
    shuffled = table.iloc[[0, 1, *(order + 2)]].reset_index(drop=True)
    shuffled["shown"] = [f"elsewhere/{name}" for name in shuffled["shown"]]
    moved = plant(tmp_path / "moved" / "middle", (np.arange(N) >= 10)[order], shuffled)
    after = compare_runs([three[0], moved])
    assert after["pairs"] == before["pairs"]
    assert after["skipped"] == {"not_scored_by_all": 0, "trained_a_run": 0}


def test_examples_of_arrays_have_one_name_and_still_meet(three, tmp_path):
    table = examples(["a"] * N).assign(shown="array")
    unnamed = plant(tmp_path / "unnamed", np.arange(N) >= 10, table)
    assert compare_runs([three[0], unnamed])["pairs"][0]["p_value"] == pytest.approx(2 / 2**10)


@given(st.lists(st.sampled_from("ab"), min_size=4, max_size=12), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_copies_of_one_content_with_two_labels_still_meet(tmp_path_factory, labels, seed):
    place = tmp_path_factory.mktemp("copies")
    labels = [*labels, "a", "b"]
    rng = np.random.default_rng(seed)
    table = examples(labels)
    table.loc[2:, "sha256"] = rng.choice(["x", "y"], len(labels))
    folders = []
    for name in ("one", "two"):
        order = rng.permutation(len(labels))
        mixed = table.iloc[[0, 1, *(order + 2)]].reset_index(drop=True)
        right = np.array([label == "a" for label in mixed["label"][2:]])
        folders.append(plant(place / name, right, mixed))  # class a, where it is: all right
    found = compare_runs(folders)
    assert found["examples"] == len(labels)
    assert [row["paired_score"] for row in found["runs"]] == [1, 1]


def test_what_not_all_scored_and_what_trained_one_is_skipped(three, tmp_path):
    fewer = examples(["a"] * (N - 20))
    fewer.loc[0, "sha256"] = "image 3"  # the same content trained this run
    part = plant(tmp_path / "part", np.ones(N - 20), fewer)
    found = compare_runs([three[0], part])
    assert found["examples"] == N - 21
    assert found["skipped"] == {"not_scored_by_all": 20, "trained_a_run": 1}
    text = comparison_text(found)
    assert "99 examples of test, scored by every run; skipped: 20 not scored by all" in text
    assert "1 trained a run" in text


def test_a_split_that_selected_something_is_not_taken_silently(tmp_path):
    table = examples(["a"] * 60)
    both = pd.concat([table, examples(["a"] * 60, "val", "other").iloc[2:]], ignore_index=True)
    found = {"test": two_classes(np.ones(60)), "val": two_classes(np.ones(60))}
    folders = [
        plant_run(tmp_path / name, TWO, both, found, selected)
        for name, selected in (("one", "val"), ("two", "train"))
    ]
    assert compare_runs(folders)["split"] == "test"  # where nothing was selected
    assert compare_runs(folders)["notes"] == []
    val = compare_runs(folders, "val")
    assert val["notes"] == ["val selected something in one: it looks too good there"]
    assert {row["name"]: row["used_for_selection"] for row in val["runs"]} == {
        "one": True,
        "two": False,
    }


def test_examples_of_one_patient_count_as_one(tmp_path):
    groups = [f"patient {number // 20}" for number in range(N)]
    table = examples(["a"] * N, groups=groups)
    better, worse = np.ones(N), np.arange(N) >= 20  # one patient of six
    one, two = plant(tmp_path / "one", better, table), plant(tmp_path / "two", worse, table)
    found = compare_runs([one, two])
    assert found["groups"] == 6
    assert "120 examples in 6 groups of test" in comparison_text(found)
    (pair,) = found["pairs"]
    assert pair["p_value"] == 1  # either side of one coin
    assert "group by group" in found["test"]
    for folder in (one, two):
        splits = pd.read_csv(folder / "splits.csv")
        assert list(splits.columns) == ["path", "label", "split", "role", "group", "sha256"]
        splits.drop(columns="group").to_csv(folder / "splits.csv", index=False)
    old = compare_runs([one, two])  # runs from before groups were recorded
    assert old["groups"] is None
    assert old["pairs"][0]["p_value"] < 0.001
    assert "do not record groups" in old["notes"][0]


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        (
            find_task("multilabel").from_outputs(("a", "b", "c")),
            [("a", "c"), (), ("b",), ("a", "b", "c")] * 15,
        ),
        (
            find_task("regression").from_outputs(("height", "width"), (2.0, 3.0), (0.0, 1.0)),
            [(0.1 * n, 1 / (n + 1)) for n in range(60)],
        ),
        (find_task("regression").from_outputs(("value",)), [n / 7 for n in range(60)]),
        (
            find_task("classification").from_outputs(("NA", "None", "a,b")),
            ["NA", "None", "a,b"] * 20,
        ),
    ],
    ids=["multilabel", "two numbers", "one number", "odd names"],
)
def test_labels_of_each_task_are_read_back(tmp_path, task, labels):
    parsed = labels if isinstance(labels[0], (tuple, float)) else task.parse(labels, labels)
    targets = task.encode(parsed)
    exact = np.eye(3)[targets] if targets.ndim == 1 else targets
    rng = np.random.default_rng(0)
    off = exact + rng.normal(scale=0.8, size=exact.shape)
    table = examples(labels)
    right = plant_run(tmp_path / "right", task, table, {"test": exact})
    wrong = plant_run(tmp_path / "wrong", task, table, {"test": off})
    read = list(Run.open(right).predictions["label"])
    assert read == [str(task.label_text(label)) for label in labels]
    found = compare_runs([wrong, right])
    assert found["best"] == "right"
    assert found["runs"][0]["paired_score"] == pytest.approx(1, abs=1e-9)
    expected = task.score(targets, off)[task.headline]["value"]
    assert found["runs"][1]["score"]["value"] == pytest.approx(expected, abs=1e-4)
    if not task.paired_score:  # the test is of what the table shows
        assert found["runs"][1]["paired_score"] == pytest.approx(expected, abs=1e-4)
    assert found["pairs"][0]["more_than_chance"]
    text = comparison_text(found)
    assert ("points" in text) == task.exact_scores
    assert ("in jaccard index (" in text) == bool(task.paired_score)


def test_outputs_in_another_order_are_the_same_outputs(tmp_path):
    numbers = np.arange(40.0)
    pairs = list(zip(numbers, numbers**2, strict=True))
    one = find_task("regression").from_outputs(("height", "width"))
    two = find_task("regression").from_outputs(("width", "height"))
    folders = [
        plant_run(tmp_path / "one", one, examples(pairs), {"test": np.array(pairs)}),
        plant_run(
            tmp_path / "two",
            two,
            examples([pair[::-1] for pair in pairs]),
            {"test": np.array(pairs)[:, ::-1]},
        ),
    ]
    assert [row["score"]["value"] for row in compare_runs(folders)["runs"]] == [1, 1]


def test_what_cannot_be_compared_is_refused(three, tmp_path):
    assert "two runs (found: 1 run)" in refusal(three[0])
    assert "the same run twice" in refusal(three[0], three[0] / ".." / "best")
    assert "no run here" in refusal(three[0], tmp_path)
    elsewhere = plant(tmp_path / "elsewhere", np.ones(9), examples(["a"] * 9, prefix="other"))
    assert "no common example of test or val" in refusal(three[0], elsewhere)
    assert "no common example of val" in refusal(*three, split="val")
    relabelled = plant(tmp_path / "relabelled", np.ones(N), examples(["a"] * (N - 1) + ["b"]))
    found = refusal(three[0], relabelled)
    assert "labels differ for 1 example (found: image 119: a in best, b in relabelled)" in found
    three_classes = find_task("classification").from_outputs(("a", "b", "c"))
    more = {"test": np.eye(3)[[0] * N]}
    wider = plant_run(tmp_path / "wider", three_classes, examples(["a"] * N), more)
    assert "only one of best and wider has c" in refusal(three[0], wider)
    several = find_task("multilabel").from_outputs(("a", "b"))
    many = plant_run(
        tmp_path / "many", several, examples([("a",)] * N), {"test": two_classes(np.ones(N))}
    )
    assert "best: classification, many: multilabel" in refusal(three[0], many)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("predictions.csv", None, "is gone"),
        ("splits.csv", None, "is gone"),
        ("model.keras", None, "model is gone"),
        ("model.keras", b"nothing", "not a .keras file"),
        ("splits.csv", b"path,split,role,sha256\n", "an example that splits.csv lacks"),
        ("predictions.csv", b"path,split,label\n", "lacks a column"),
        (
            "predictions.csv",
            b"path,split,label,predicted,p_a,p_b\nimage 0,test,a,a,1,x\n",
            "is damaged",
        ),
        ("predictions.csv", b"\xff\xfe\x00", "is damaged"),
        ("predictions.csv", b"", "is damaged"),
        (
            "predictions.csv",
            b"path,split,label,predicted,p_a,p_b\nimage 0,test,a,a,1,nan\n",
            "number is missing",
        ),
        (
            "predictions.csv",
            b"path,split,label,predicted,p_a,p_b\nimage 0,test,a,a,1,0\n",
            "120 in metrics",
        ),
        ("metrics.json", None, "metrics.json is gone"),
        ("metrics.json", b'{"splits": {', "metrics.json is damaged"),
        ("metrics.json", b"[]", "metrics.json is damaged"),
        ("config.json", b"\xff\xfe\x00", "config.json is damaged"),
    ],
)
def test_a_damaged_run_is_refused(three, file, content, reason):
    (three[1] / file).unlink()
    if content is not None:
        (three[1] / file).write_bytes(content)
    assert reason in refusal(*three)


def test_labels_that_a_run_does_not_know_are_refused(three):
    text = (three[1] / "predictions.csv").read_text().replace("image 0,test,a", "image 0,test,moth")
    (three[1] / "predictions.csv").write_text(text)
    assert "labels that the model does not know (found: moth)" in refusal(*three)


def test_a_hundred_classes_and_more_are_read_without_a_remark(tmp_path, recwarn):
    names = tuple(f"class {number:03d}" for number in range(150))
    task = find_task("classification").from_outputs(names)
    found = {"test": np.eye(150)[np.arange(300) % 150]}
    table = examples([names[number % 150] for number in range(300)])
    folders = [plant_run(tmp_path / name, task, table, found) for name in ("one", "two")]
    assert compare_runs(folders)["runs"][0]["score"]["value"] == 1
    assert not [w.message for w in recwarn if w.category is pd.errors.PerformanceWarning]


def test_a_damaged_certificate_is_named(three):
    (three[1] / "exports").mkdir()
    (three[1] / "exports" / "certificate.json").write_text("{bad")
    assert "certificate.json is damaged" in refusal(*three)


def test_the_page_stands_alone_and_shows_names_as_they_are(tmp_path):
    name = "<b>one & two"
    folders = [plant(tmp_path / name, np.ones(N)), plant(tmp_path / "x", np.arange(N) > 20)]
    page = comparison_page(compare_runs(folders))
    assert "&lt;b&gt;one &amp; two" in page
    assert "<b>" not in page
    assert not re.findall(r"(?:src|href|url)\s*[=(]|https?:|<script", page)
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


def test_runs_of_one_name_are_told_apart(tmp_path):
    folders = [plant(tmp_path / place / "run", np.ones(N)) for place in ("one", "two")]
    names = [row["name"] for row in compare_runs(folders)["runs"]]
    assert names == [str(folder) for folder in folders]


def test_a_seed_that_is_none_and_a_page_that_never_ends_are_refused(three, tmp_path, capsys):
    folders = [str(folder) for folder in three]
    assert main([*folders, "--seed", "-1", "--out", str(tmp_path / "x.html")]) == 2
    assert "--seed is out of range" in capsys.readouterr().err
    assert main([*folders, "--out", "/dev/zero"]) == 2
    assert "taken by something else" in capsys.readouterr().err


def test_the_page_replaces_its_like_and_nothing_else(three, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = [str(folder) for folder in three]
    assert main(asked) == 0
    first = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert main(asked[:2]) == 0
    second = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert "other" in first
    assert second != first
    (tmp_path / "mine.html").write_text("notes")
    for out, reason in (
        ("mine.html", "taken by something else"),
        ("none/page.html", "folder for the page is missing"),
        (str(three[0]), "is a folder"),
    ):
        capsys.readouterr()
        assert main([*asked, "--out", out]) == 2
        out, err = capsys.readouterr()
        assert reason in err
        assert not out
    assert (tmp_path / "mine.html").read_text() == "notes"
    (tmp_path / "compare.html").unlink()
    assert main([*asked, "--no-html"]) == 0
    assert not (tmp_path / "compare.html").exists()
    assert main(asked[:1]) == 2
    assert "two runs" in capsys.readouterr().err
