"""Which base to take: the score against its definition, and a choice that only train decides."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_transfer as kt
from keras_transfer.bases.build import build_bare
from keras_transfer.bases.table import find_base
from keras_transfer.choosing.candidates import find_candidates
from keras_transfer.choosing.race import NO_TIME, race
from keras_transfer.choosing.sample import FIRST, MOST, sizes, stratified_order
from keras_transfer.choosing.scores import PENALTIES, LeaveOneOut, leave_one_out
from keras_transfer.choosing.traits import recommend_by_traits
from keras_transfer.cli.choose import main
from keras_transfer.errors import UserError
from tests.support.drawing import KINDS, draw, plant_classes

SMALL, LARGER = "mobilenet_0.25", "mobilenet_v2_0.35"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """{base: a file of random weights}: what a base costs and finds, without a download."""
    folder = tmp_path_factory.mktemp("weights")
    files = {}
    for name in (SMALL, LARGER):
        files[name] = folder / f"{name}.weights.h5"
        build_bare(find_base(name), 224).save_weights(files[name])
    return files


@pytest.fixture
def bases(weights):
    """What `bases` takes: both with their file."""
    return tuple(f"{name}={file}" for name, file in weights.items())


@pytest.fixture(autouse=True)
def known_costs(monkeypatch):
    """Costs that need no measuring, larger for the larger base."""
    cost = {
        SMALL: {"int8": {"mib": 0.3, "ms": 1.0}, "float32": {"mib": 0.9, "ms": 2.0}},
        LARGER: {"int8": {"mib": 0.8, "ms": 3.0}, "float32": {"mib": 1.7, "ms": 6.0}},
    }
    place = "keras_transfer.choosing.comparison.remembered_cost"
    monkeypatch.setattr(place, lambda name, size: cost.get(name))


# --- the score


def explicit(features, targets, penalty, left_out):
    """The squared errors of the examples at `left_out` by ridge regression without them."""
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    centre, middle = units.mean(axis=0), targets.mean(axis=0)  # of all, as where nothing is out
    rest = np.setdiff1d(np.arange(len(units)), left_out)
    x = np.hstack([units - centre, np.ones((len(units), 1))])
    penalties = np.diag([penalty] * features.shape[1] + [0.0])
    kernel = np.linalg.solve(x[rest].T @ x[rest] + penalties, x[rest].T @ (targets - middle)[rest])
    return ((x[left_out] @ kernel - (targets - middle)[left_out]) ** 2).sum(axis=1)


@pytest.mark.parametrize("shape", [(12, 30), (30, 5)])
@pytest.mark.parametrize("grouped", [False, True])
def test_the_score_is_ridge_regression_without_the_example_or_its_group(shape, grouped):
    draw = np.random.default_rng(0)
    features, targets = draw.normal(size=shape), np.eye(3)[draw.integers(0, 3, shape[0])]
    groups = np.array([f"g{n // 2}" if grouped else f"row {n}" for n in range(shape[0])])
    found = leave_one_out(features, targets, groups)
    parts = [np.flatnonzero(groups == name) for name in dict.fromkeys(groups)]
    expected = np.concatenate([explicit(features, targets, found.penalty, p) for p in parts])
    variance = ((targets - targets.mean(axis=0)) ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(found.errors, expected / variance, rtol=1e-6)
    assert found.penalty in PENALTIES


def test_features_that_know_the_labels_score_high_and_noise_scores_nothing():
    draw = np.random.default_rng(1)
    numbers = draw.integers(0, 3, 60)
    known = np.eye(3)[numbers] + draw.normal(0, 0.05, (60, 3))
    assert leave_one_out(known, np.eye(3)[numbers]).score > 0.95
    assert leave_one_out(draw.normal(size=(60, 40)), np.eye(3)[numbers]).score < 0.1


# --- which examples


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_each_beginning_of_the_order_has_each_class_in_its_share(counts, seed):
    strata = [(f"class {n}",) for n, count in enumerate(counts) for _ in range(count)]
    order = stratified_order(strata, seed)
    assert sorted(order) == list(range(len(strata)))
    for end in range(1, len(strata) + 1):
        for number, count in enumerate(counts):
            seen = sum(strata[place] == (f"class {number}",) for place in order[:end])
            assert abs(seen - count * end / len(strata)) <= len(counts) + 1


def test_rounds_double_and_end_with_all():
    assert sizes(100, 2) == [100]
    assert sizes(FIRST + 1, 2) == [FIRST + 1]  # a round that is nearly all is left out
    assert sizes(1000, 2) == [150, 300, 600, 1000]
    assert sizes(MOST, 100)[0] == 500


# --- the race


class Runner:
    """A contender that needs no network: its errors are drawn around a level."""

    def __init__(self, name, level, speed=0.0):
        self.name, self.level, self.speed, self.why_out, self.seconds = name, level, speed, "", 0.0
        self.found, self.names = {}, {}

    @property
    def size(self):
        return max(self.found, default=0)

    @property
    def score(self):
        return self.found[self.size].score if self.found else None

    def expected(self, size):
        return self.speed * max(0, size - self.size) if self.found else 0.0

    def look(self, size, features, deadline):
        errors = np.random.default_rng(sum(map(ord, self.name))).uniform(0, 0.2, size)
        self.found[size] = LeaveOneOut(errors + self.level, 0.3)
        self.names[size] = np.arange(size)
        return True


def test_who_is_clearly_beaten_sees_no_more():
    good, near, bad = Runner("good", 0.1), Runner("near", 0.1), Runner("bad", 0.5)
    race([good, near, bad], [50, 100], None, time.monotonic() + 60)
    assert (good.size, near.size, bad.size) == (100, 100, 50)
    assert bad.why_out == "good is clearly better on 50 examples"
    assert not good.why_out
    assert not near.why_out


def test_without_time_for_all_the_best_goes_on():
    best, slow = Runner("best", 0.1, speed=0.1), Runner("slow", 0.125, speed=10.0)
    race([slow, best], [50, 100], None, time.monotonic() + 20)
    assert (best.size, slow.size) == (100, 50)
    assert NO_TIME in slow.why_out
    late = Runner("late", 0.1)
    race([late], [50], None, time.monotonic() - 1)
    assert late.why_out == NO_TIME


# --- the whole way


def test_only_train_decides(tmp_path, bases):
    photos = plant_classes(tmp_path, {"train": 8, "val": 4, "test": 4})
    rows = [
        (str(file), file.parent.name, file.parent.parent.name)
        for file in sorted(photos.rglob("*.png"))
    ]
    table = pd.DataFrame(rows, columns=["file_name", "label", "split"])
    poisoned = table.copy()
    others = poisoned["split"] != "train"
    poisoned.loc[others, "label"] = [f"nonsense {n}" for n in range(others.sum())]
    gone = table[~others]
    found = [kt.choose(one, bases, quiet=True) for one in (table, poisoned, gone)]
    scores = [[(base["name"], base["score"]) for base in one["bases"]] for one in found]
    assert scores[0] == scores[1]
    assert found[0]["examples"] == 8 * len(KINDS)
    assert found[0]["recommended"] == found[1]["recommended"]
    assert found[2]["examples"] < 8 * len(KINDS)  # what has no test set gives a part for one


def test_a_limit_is_kept_or_nothing_fits(tmp_path, bases):
    photos = plant_classes(tmp_path, 6)
    found = kt.choose(photos, bases, max_mib=0.5, quiet=True)
    assert found["recommended"] == SMALL
    (out,) = [base["why_out"] for base in found["bases"] if base["name"] == LARGER]
    assert out == "0.8 MiB, more than 0.5"
    found = kt.choose(photos, bases, max_ms=0.5, quiet=True)
    assert found["recommended"] is None
    assert found["command"] is None
    assert "No base fits --max-ms 0.5" in found["reason"]


def test_the_command_prints_a_table_and_writes_a_page(tmp_path, bases, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos = plant_classes(tmp_path, 10)
    assert main(["--data", str(photos), "--bases", *bases]) == 0
    printed = capsys.readouterr().out
    assert "recommended" in printed
    assert "keras-transfer train --data" in printed
    page = (tmp_path / "choose.html").read_text()
    assert page.count("<svg") == 2
    assert SMALL in page
    assert main(["--data", str(photos), "--bases", *bases, "--json", "--no-html"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {base["name"] for base in found["bases"]} == {SMALL, LARGER}
    for base in found["bases"]:
        assert set(base["accuracy"]) == {"value", "low", "high"}
        assert {"score", "mib", "ms", "float32", "why_out"} <= set(base)


def test_regression_is_scored_too(tmp_path, bases):
    images = np.stack([draw(KINDS[0], number, 32) for number in range(24)])
    numbers = images.reshape(24, -1).mean(axis=1)
    labels = [f"{number:.3f}" for number in numbers]
    found = kt.choose((images, labels), bases[:1], task="regression", quiet=True)
    assert found["headline"] == "r2"
    assert found["bases"][0]["r2"]["value"] is not None
    assert found["command"] is None  # arrays have no name


@pytest.mark.parametrize(
    ("bases", "word"),
    [
        (("mobilenetv2",), "did you mean"),
        (("vgg16=gone.h5",), "no weights of vgg16 here"),
        (("conv4",), "no base whose pretrained weights are here"),
        (("vgg16",), "keras.applications.VGG16"),
    ],
)
def test_bases_that_cannot_be_compared(bases, word, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError, match="(?i)" + word):
        find_candidates(bases)


def test_bases_without_weights_are_named_once_and_the_others_compared(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    here, missing = find_candidates()
    assert "efficientnet_lite0" in [one.name for one in here]
    assert missing["vgg16"].startswith("python -c")
    assert "conv4" not in missing
    (tmp_path / "models").mkdir()
    file = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    (tmp_path / "models" / file).write_bytes(b"")
    assert "vgg16" in [one.name for one in find_candidates()[0]]


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--time-budget", "0"], "--time-budget is out of range"),
        (["--max-mib", "-1"], "--max-mib is out of range"),
        (["--out", "photos"], "--out is a folder"),
        (["--data", "gone"], "no such data"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, flags, word):
    monkeypatch.chdir(tmp_path)
    plant_classes(tmp_path, 4)
    assert main(["--data", "photos", *flags]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert word in error
    assert not (tmp_path / "choose.html").exists()


# --- by what is known beforehand


def test_by_task_limits_decide_and_then_imagenet():
    names = ["vgg16", "mobilenet_0.25", "efficientnet_lite0", "efficientnet_lite2", "conv4"]
    assert recommend_by_traits((), names)[0] == "efficientnet_lite2"
    assert recommend_by_traits(("small_images",), names)[0] == "efficientnet_lite0"
    assert recommend_by_traits(("phone",), ["vgg16", "mobilenet_0.25"])[0] == "mobilenet_0.25"
    assert recommend_by_traits((), names, max_mib=1)[0] == "mobilenet_0.25"
    assert recommend_by_traits(("phone",), ["vgg16"])[0] is None
    _, why = recommend_by_traits(("few_labels", "grey_images"), names)
    assert "features decide" in why
    assert "three equal channels" in why


def test_by_task_reads_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--by", "task", "--traits", "phone", "--data", "gone", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recommended"].startswith("efficientnet_lite")
    assert found["command"].startswith("keras-transfer train --data gone")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--traits", "phone"], "--traits is for --by task"),
        (["--by", "task", "--max-ms", "3"], "--by task knows no milliseconds"),
    ],
)
def test_ways_that_do_not_go_together(flags, word, capsys):
    assert main(["--data", "demo", *flags]) == 2
    assert word in capsys.readouterr().err
