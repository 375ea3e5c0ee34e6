"""The main job from examples to proven files."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_transfer as kt
from keras_transfer.cli import train
from keras_transfer.run.folder import Run
from tests.support.commands import FAST
from tests.support.drawing import KINDS


def test_a_run_holds_what_it_should(finished):
    run, _ = finished
    names = {p.name for p in run.folder.iterdir()}
    assert names == {
        "check.npz",
        "classes.txt",
        "config.json",
        "exports",
        "history.csv",
        "skipped.csv",
        "log.txt",
        "metrics.json",
        "model.keras",
        "predictions.csv",
        "reliability.json",
        "report.html",
        "run.json",
        "splits.csv",
        "training_features.npz",
    }
    assert run.info["state"] == "finished"
    assert run.classes == KINDS
    assert run.config.image_size == 64


def test_metrics_have_the_shape_that_others_read(finished):
    metrics = finished[0].metrics
    assert metrics["schema"] == 2
    assert metrics["holdout_score"] is None  # a solved head is selected by folds
    assert metrics["task"] == "classification"
    assert list(metrics["splits"]) == ["val", "test"]
    val = metrics["splits"]["val"]
    assert val["n"] == 18
    assert val["used_for_selection"] is False
    assert set(val["accuracy"]) == {"value", "low", "high"}
    assert val["accuracy"]["value"] > 0.9
    wanted = {"n", "precision", "recall", "f1", "auroc", "average_precision", "intervals"}
    assert set(val["per_class"]["red"]) == wanted
    assert np.sum(val["confusion"]) == 18
    assert metrics["examples"] == {"read": 72, "skipped": 0}
    # a test before may have stored some of the same drawings
    assert sum(metrics["features"].values()) == 72
    assert set(metrics["seconds"]) >= {
        "total",
        "import",
        "read",
        "extract",
        "fit",
        "evaluate",
        "export",
        "report",
    }


def test_predictions_carry_paths_and_probabilities(finished):
    run, photos = finished
    with open(run.folder / "predictions.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 36
    for row in rows:
        assert (photos / row["path"]).exists()
        assert Path(row["path"]).parent.name == row["label"]
        chances = {kind: float(row[f"p_{kind}"]) for kind in KINDS}
        assert sum(chances.values()) == pytest.approx(1, abs=1e-4)
        assert row["predicted"] == max(chances, key=chances.get)


def test_exports_predict_as_the_model(finished):
    from keras_transfer.export import open_export

    run, _ = finished
    found = run.certificate["files"]
    assert set(found) == {"saved_model", "tflite"}
    assert all(facts["difference"] < 1e-3 for facts in found.values())
    pixels = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3)).astype(np.uint8)
    found = np.asarray(run.model(pixels.astype(np.float32)))
    for path in ("saved_model", "model.tflite"):
        exported = open_export(run.folder / "exports" / path)
        np.testing.assert_allclose(exported.runtime(pixels), found, atol=1e-4)


def test_the_model_loads_in_plain_keras(finished):
    code = (
        "import sys, keras; m = keras.models.load_model(sys.argv[1]); "
        "assert 'keras_transfer' not in sys.modules; print(m.output_shape)"
    )
    path = str(finished[0].folder / "model.keras")
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True, cwd="/"
    )
    assert "(None, 3)" in done.stdout


def test_the_run_says_what_it_is(finished):
    text = repr(finished[0])
    assert "efficientnet_lite0" in text
    assert "accuracy" in text
    assert "<pre>" in finished[0]._repr_html_()
    assert len(finished[0].history) > 3


def test_a_run_is_the_base_of_the_next(finished, class_folder, tmp_path):
    run, _ = finished
    other = class_folder(8, "other", kinds=("red", "stripes"))
    settings = {"image_size": 64, "export": False, "quiet": True}
    following = kt.transfer(other, weights=str(run.folder), out=tmp_path / "next", **settings)
    assert following.classes == ("red", "stripes")
    ours, theirs = (m.get_layer("stem_conv").get_weights()[0] for m in (following.model, run.model))
    assert (ours == theirs).all()


def test_a_draw_where_the_data_brings_no_split(class_folder, tmp_path):
    run = kt.transfer(class_folder(10), image_size=64, out=tmp_path / "r", export=False, quiet=True)
    assert list(run.metrics["splits"]) == ["test"]
    assert run.metrics["splits"]["test"]["n"] == 6


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_tables_of_other_tasks(task, class_folder, tmp_path):
    photos = class_folder(10)
    lines = ["path,label"]
    for kind_number, kind in enumerate(KINDS):
        for number in range(10):
            several = f"{kind}|even" if number % 2 == 0 else kind
            label = several if task == "multilabel" else str(kind_number + number / 20)
            lines.append(f"{kind}/{number:03d}.png,{label}")
    (photos / "metadata.csv").write_text("\n".join(lines))
    run = kt.transfer(photos, image_size=64, out=tmp_path / "r", quiet=True)
    assert run.metrics["task"] == task
    score = run.metrics["splits"]["test"][
        {"multilabel": "macro_average_precision", "regression": "r2"}[task]
    ]
    assert score["value"] > 0.3
    prediction = run.predict(photos / "red" / "000.png")[0]
    assert (
        "red" in prediction["predicted"]
        if task == "multilabel"
        else float(prediction["predicted"]) > 0
    )


def test_arrays_and_fine_tuning_in_python(tmp_path):
    from tests.support.drawing import draw

    images = np.stack([draw(kind, number) for kind in KINDS for number in range(16)])
    labels = np.repeat(KINDS, 16)
    run = kt.transfer(
        (images, labels),
        base="mobilenet_v2_0.35",
        weights="none",
        strategy="fine_tuning",
        image_size=32,
        trainable="last:3",
        epochs=2,
        out=tmp_path / "r",
        quiet=True,
        precision="mixed_bfloat16",
        class_weight="balanced",
    )
    assert len(run.history) == 2
    assert (run.folder / "exports" / "model.tflite").exists()


def own_network():
    """A user's own network, another one inside it."""
    from keras_transfer.backend import load_keras

    keras = load_keras()
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inner = keras.Sequential(
        [layers.Conv2D(8, 3, strides=2, activation="relu"), layers.Dropout(0.1)]
    )
    pixels = keras.Input((48, 48, 3), name="pixels")
    x = inner(layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, layers.Conv2D(16, 3, strides=2)(x), name="mine")


@pytest.mark.parametrize("strategy", ["feature_extraction", "fine_tuning"])
def test_a_network_of_the_user_s_own_is_a_base(strategy, class_folder, tmp_path):
    base = own_network()
    before = [array.copy() for array in base.get_weights()]
    settings = {"strategy": strategy, "epochs": 2, "quiet": True, "out": tmp_path / "r"}
    kt.transfer(class_folder(10), base=base, **settings)
    for ours, theirs in zip(before, base.get_weights(), strict=True):
        assert (ours == theirs).all()
    assert all(layer.trainable for layer in base.layers)
    again = Run.open(tmp_path / "r")
    assert again.config.base == "mine"
    assert again.model.input_shape == (None, 48, 48, 3)
    assert all(entry["passed"] for entry in again.certificate["files"].values())
    assert again.export("tflite-float16")["tflite-float16"]["passed"]
    with pytest.raises(kt.UserError, match=r"mine has: all, none, last:N"):
        kt.transfer(class_folder(4, "b"), base=base, strategy="fine_tuning", trainable="block1")


def test_same_seed_same_bytes_of_weights(class_folder, tmp_path):
    photos = class_folder(8)
    settings = {"image_size": 64, "export": False, "quiet": True, "seed": 3}
    one = kt.transfer(photos, out=tmp_path / "a", **settings)
    other = kt.transfer(photos, out=tmp_path / "b", **settings)
    for a, b in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        assert (a == b).all()
    assert one.info["data"] == other.info["data"]


@pytest.mark.parametrize("strategy", ["feature_extraction", "fine_tuning"])
def test_with_and_without_the_store_the_numbers_are_the_same(
    class_folder, tmp_path, monkeypatch, strategy
):
    monkeypatch.setenv("KERAS_TRANSFER_CACHE", str(tmp_path / "cache"))
    photos = class_folder(8)
    settings = ["--strategy", strategy, "--views", "2"] if strategy == "fine_tuning" else []
    settings += ["--epochs", "2", *FAST, "--data", str(photos), "--json"]
    scores, weights = [], []
    for number, store in enumerate(("--cache-features", "--cache-features", "--no-cache-features")):
        out = tmp_path / f"run{number}"
        assert train.main([*settings, store, "--out", str(out)]) == 0
        run = Run.open(out)
        scores.append(run.metrics)
        weights.append(run.model.get_weights())
    counts = [score["features"] for score in scores]
    assert counts[0]["reused"] == 0
    assert counts[1] == {"computed": 0, "reused": counts[0]["computed"]}
    assert counts[2] == counts[0]
    for others in weights[1:]:
        for a, b in zip(weights[0], others, strict=True):
            assert (a == b).all()
    assert scores[0]["splits"] == scores[1]["splits"] == scores[2]["splits"]
