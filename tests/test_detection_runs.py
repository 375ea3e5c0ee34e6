"""Detectors trained on drawn boxes: runs, and what is refused."""

import json
import shutil

import pytest

import keras_transfer as kt
from keras_transfer.backend import load_keras
from keras_transfer.config import make_config
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from keras_transfer.features.places import MemoryPlace
from keras_transfer.strategies import settle_config
from tests.support.commands import run_command
from tests.support.dense import QUICK, plant_squares


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(the run of two epochs, its data)."""
    place = tmp_path_factory.mktemp("boxes")
    data = plant_squares(place / "data", {"train": 8, "val": 4, "test": 4})
    return kt.transfer(data, out=place / "run", epochs=2, **QUICK), data


def test_a_run_on_boxes(trained):
    run, data = trained
    assert run.metrics["task"] == "detection"
    assert run.metrics["classes"] == ["bar", "square"]
    score = run.metrics["splits"]["test"]
    assert {"map", "map50", "map75", "recall"} <= set(score)
    assert 0 <= score["map50"]["value"] <= 1
    lines = (run.folder / "predictions.jsonl").read_text().splitlines()
    assert len(lines) == 8
    assert set(json.loads(lines[0])) == {"path", "split", "label", "predicted", "boxes"}
    found = run.predict(data / "test0.png")[0]
    assert set(found) == {"path", "predicted", "boxes"}


@pytest.mark.parametrize("strategy", ["feature_extraction", "fine_tuning"])
def test_without_room_for_maps_the_base_runs_in_each_epoch(
    strategy, trained, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(MemoryPlace, "activations_limit", 0)
    settings = {**QUICK, "quiet": False, "cache_features": False, "epochs": 2}
    run = kt.transfer(trained[1], out=tmp_path / "run", strategy=strategy, **settings)
    assert "the base runs in each epoch: activations take" in capsys.readouterr().err
    if strategy == "feature_extraction":
        stored = list(trained[0].history["loss"])
        assert list(run.history["loss"]) == pytest.approx(stored, rel=1e-2)


def test_a_saved_model_asks_keras_for_nothing_of_ours(trained):
    file = trained[0].folder / "model.keras"
    model = load_keras().models.load_model(file, compile=False)
    assert model.input_shape == (None, 64, 64, 3)
    assert model.output_shape == (None, 84, 4 + 2)


@pytest.mark.slow
def test_eight_images_are_learned_by_heart(tmp_path, real_data):
    root = real_data("bccd_voc")
    names = (root / "ImageSets" / "Main" / "train.txt").read_text().split()[:8]
    frame = voc_frame(root, dict.fromkeys(("train", "val", "test"), names), tmp_path)
    knobs = {"image_size": 384, "image_width": 512, "epochs": 300, "augment": "none"}
    run = kt.transfer(frame, out=tmp_path / "run", **{**QUICK, **knobs})
    assert run.metrics["splits"]["test"]["n"] == 8
    assert run.metrics["splits"]["test"]["map50"]["value"] >= 0.95


def voc_frame(root, splits, place):
    """A table of the boxes of a VOC folder; each split has images of its own, copied to `place`."""
    import pandas as pd

    from keras_transfer.data.sources.annotations.voc import _boxes

    rows = [
        {
            "path": shutil.copy(root / "JPEGImages" / f"{name}.jpg", place / f"{split}_{name}.jpg"),
            "split": split,
            **dict(zip(("label", "xmin", "ymin", "xmax", "ymax"), (label, *corners), strict=True)),
        }
        for split, names in splits.items()
        for name in names
        for label, corners in _boxes(root / "Annotations" / f"{name}.xml")
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"mixup": 0.2, "strategy": "fine_tuning"}, "--mixup has no meaning"),
        ({"hidden_units": (8,)}, "--hidden-units has no meaning"),
        ({"pooling": "max"}, "--pooling has no meaning"),
        ({"class_weight": "balanced"}, "--class-weight has no meaning"),
        ({"augment": "crop"}, "such views are not for"),
        ({"base": "conv4"}, "has no stage at stride 32"),
        ({"strategy": "few_shot"}, "few_shot"),
    ],
)
def test_settings_without_a_meaning_are_refused(tmp_path, knobs, reason):
    data = plant_squares(tmp_path / "data", {"train": 4, "val": 2, "test": 2})
    with pytest.raises(UserError, match=reason):
        kt.transfer(data, out=tmp_path / "run", **QUICK, **knobs)
    assert not (tmp_path / "run").exists()


def test_without_any_box_there_is_nothing_to_learn(tmp_path):
    data = plant_squares(tmp_path / "data", {"train": 2, "val": 1})
    text = "path,label,xmin,ymin,xmax,ymax\ntrain0.png,,,,,\ntrain1.png,,,,,\n"
    (data / "metadata.csv").write_text(text)
    with pytest.raises(UserError, match="no boxes in the training images"):
        kt.transfer(data, out=tmp_path / "run", **QUICK)


def test_small_objects_are_warned_of(tmp_path, capsys):
    data = plant_squares(tmp_path / "data", {"train": 6, "val": 2, "test": 2}, size=256)
    kt.transfer(data, out=tmp_path / "run", epochs=1, **{**QUICK, "quiet": False})
    assert "of the objects are under 8 x 8 pixels" in capsys.readouterr().err


def test_a_task_says_which_size_it_prefers(tmp_path):
    data = plant_squares(tmp_path / "data", {"train": 4, "val": 2, "test": 2})
    source = read_source(data)
    assert settle_config(make_config(), source).image_size == 320
    assert settle_config(make_config(image_size=64), source).image_size == 64


@pytest.mark.parametrize(
    ("verb", "reason"),
    [
        (("choose", "--data", "{data}"), "choose compares heads on pooled features"),
        (("adapt", "--model", "{run}", "--data", "{data}"), "adapt learns classes of whole"),
    ],
)
def test_verbs_for_whole_examples_are_refused(trained, verb, reason):
    run, data = trained
    code, _, err = run_command(*(word.format(data=data, run=run.folder) for word in verb))
    assert code == 2
    assert reason in err
