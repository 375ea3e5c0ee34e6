"""Exported files predict as the model does."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.backend import load_keras
from keras_transfer.bases.table import FAMILIES
from keras_transfer.errors import UserError
from keras_transfer.export import TOLERANCE, formats, open_export
from keras_transfer.export.common.network import Network
from keras_transfer.model.float32_copy import float32_copy
from keras_transfer.runtimes.batching import FILE_BATCH_SIZE
from tests.support.plain_formats import plain_formats
from tests.support.tiny import (
    NAMES,
    OUTPUT,
    check_export,
    difference,
    export_model,
    images,
    liven,
    predict_file,
    predictions,
    spec,
    tiny_model,
)

FIXED = [name for name in plain_formats() if "any-size" not in name]
EXACT = [name for name, form in plain_formats().items() if form.exact]
FAST = ("mobilenet_v2_0.35", "efficientnet_lite0", "vgg16")


@pytest.mark.parametrize("task", list(OUTPUT))
@pytest.mark.parametrize("format_name", EXACT)
def test_a_file_predicts_as_the_model(task, format_name, tmp_path):
    model, pixels = tiny_model(task), images(FILE_BATCH_SIZE + 3)
    expected = predictions(model, pixels)
    assert expected.std(axis=0).min() > 0.1  # else nothing is proven
    report = export_model(model, format_name, tmp_path, spec(task), pixels, expected)
    assert report["difference"] < TOLERANCE
    assert report["path"].exists()
    assert report["bytes"] > 1000
    assert check_export(report["path"], pixels, expected, task) == report["difference"]
    assert (tmp_path / "classes.txt").read_text(encoding="utf-8").splitlines() == NAMES
    assert sorted(os.listdir(tmp_path)) == sorted(["classes.txt", formats()[format_name].file_name])


@pytest.mark.parametrize("format_name", list(plain_formats()))
def test_several_outputs_stay_apart(toys, format_name, tmp_path):
    """The toy task's are not in alphabetical order, which several converters give."""
    whole, layers = tiny_model(), load_keras().layers
    features = whole.get_layer("head").input
    outputs = [layers.Dense(2)(features), layers.Dense(2, "sigmoid")(features)]
    model, pixels = load_keras().Model(whole.input, outputs), images(FILE_BATCH_SIZE + 3)
    expected = tuple(model.predict(pixels, verbose=0))
    about = spec("boxes", names=["cat", "dog"])
    report = export_model(
        model, format_name, tmp_path, about, pixels, expected, lambda: images(40, seed=5)
    )
    assert report["difference"] < (TOLERANCE if formats()[format_name].exact else 0.3)
    for ours, theirs in zip(predict_file(report["path"], pixels), expected, strict=True):
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_the_copy_of_a_mixed_model_computes_in_float32(policy, tmp_path):
    model, pixels = tiny_model(policy=policy), images(10)
    float32_model = float32_copy(model)
    assert {layer.compute_dtype for layer in float32_model.layers} == {"float32"}
    assert {weight.dtype for weight in float32_model.weights} == {"float32"}
    for ours, theirs in zip(float32_model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (
        np.abs(float32_model.predict(pixels, verbose=0) - model.predict(pixels, verbose=0)).max()
        < 0.1
    )
    assert [layer.name for layer in float32_model.layers] == [layer.name for layer in model.layers]
    formats()["tflite"].write(Network(model, spec()), tmp_path / "model.tflite")
    assert check_export(tmp_path / "model.tflite", pixels, predictions(model, pixels)) < TOLERANCE


def test_a_float32_model_is_its_own_copy():
    model = tiny_model()
    assert float32_copy(model) is model


@pytest.mark.parametrize("format_name", [name for name in FIXED if name in EXACT])
def test_a_wrong_file_fails_the_check_and_is_not_kept(format_name, exported, tmp_path):
    model, folder = exported
    pixels, other = images(10), tiny_model(seed=0)
    kernel, bias = other.get_layer("head").get_weights()
    other.get_layer("head").set_weights([kernel, bias + np.array([0.05, 0, 0])])
    wrong = predictions(other, pixels)
    file_name = formats()[format_name].file_name
    assert check_export(folder / file_name, pixels, predictions(model, pixels)) < TOLERANCE
    assert check_export(folder / file_name, pixels, wrong) > TOLERANCE
    with pytest.raises(UserError, match="does not predict as the model"):
        export_model(model, format_name, tmp_path, spec(), pixels, wrong)
    assert os.listdir(tmp_path) == []


@given(seed=st.integers(0, 2**31), shift=st.floats(1e-4, 1.0))
@settings(max_examples=30, deadline=None)
def test_the_difference_is_that_of_the_logits(seed, shift):
    logits = np.random.default_rng(seed).normal(size=(6, 4)) * 3
    logits -= logits.mean(axis=1, keepdims=True)
    moved = logits + np.array([shift, -shift, 0, 0])
    softmax = [np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in (moved, logits)]
    assert difference(*softmax, "classification") == pytest.approx(shift / np.ptp(logits))
    sigmoid = [1 / (1 + np.exp(-np.clip(z, None, 8))) for z in (moved, logits)]
    clipped = np.abs(np.clip(moved, None, 8) - np.clip(logits, None, 8)).max()
    wanted = clipped / np.ptp(np.clip(logits, None, 8))
    assert difference(*sigmoid, "multilabel") == pytest.approx(wanted)
    # a target in small units counts as much as one in large units
    units = np.array([1.0, 1.0, 1e-3, 1e3])
    largest = (np.array([shift, shift]) / np.ptp(logits, axis=0)[:2]).max()
    found = difference(moved * units, logits * units, "regression")
    assert found == pytest.approx(largest)


def test_the_difference_of_extreme_predictions_is_a_number():
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert difference(sure, sure, "classification") == 0.0
    assert difference(sure, sure, "multilabel") == 0.0
    assert difference(sure, sure[::-1], "classification") == 1.0
    assert difference(np.full((2, 2), np.nan), sure, "classification") == float("inf")
    assert difference(sure[:1], sure, "classification") == float("inf")
    even = np.full((2, 2), 0.5)
    assert difference(even, even, "classification") == 0.0


def test_quiet_exporting_and_checking_are_silent(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("keras_transfer.progress.QUIET", True)
    model, pixels = tiny_model(), images(4)
    expected = predictions(model, pixels)
    capfd.readouterr()
    for name in plain_formats():
        export_model(model, name, tmp_path, spec(), pixels, expected, lambda: images(20, seed=5))
    assert capfd.readouterr() == ("", "")


def test_what_is_no_export_is_refused(tmp_path, exported):
    (tmp_path / "text.tflite").write_text("hello")
    with pytest.raises(UserError, match="no TFLite file"):
        open_export(tmp_path / "text.tflite")
    with pytest.raises(UserError, match="no exported model"):
        open_export(tmp_path)
    with pytest.raises(UserError, match="Known are"):
        open_export(tmp_path / "model.bin")
    with pytest.raises(UserError, match="no exported model"):
        open_export(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(UserError, match="no ONNX file"):
        open_export(tmp_path / "text.onnx")
    (tmp_path / "text.xml").write_text("hello")
    with pytest.raises(UserError, match="no OpenVINO file"):
        open_export(tmp_path / "text.xml")
    with pytest.raises(UserError, match="16, 16, 3"):
        predict_file(exported[1] / "model.tflite", images(1, size=20))


def test_an_unknown_format_and_another_backend_are_refused(tmp_path, monkeypatch):
    model, pixels = tiny_model(), images(2)
    rest = (tmp_path, spec(), pixels, predictions(model, pixels))
    with pytest.raises(UserError, match="Did you mean tflite"):
        export_model(model, "tflit", *rest)
    monkeypatch.setattr(load_keras().backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="KERAS_BACKEND=tensorflow"):
        export_model(model, "tflite", *rest)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "base",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.slow)
        for name in FAMILIES.values()
    ],
)
def test_the_smallest_base_of_each_family_answers_alike_in_every_format(base, tmp_path):
    from keras_transfer.bases.build import build_base

    keras = load_keras()
    keras.utils.set_random_seed(0)
    size = 64 if base in FAST else 96
    body = build_base(base, image_size=size, weights="none")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(body.output)
    x = keras.layers.Dense(3, name="head")(x)
    model = keras.Model(body.input, keras.layers.Activation("softmax", name="output")(x))
    pixels = images(10, size)
    liven(model, pixels)
    expected = predictions(model, pixels)
    logits = np.log(expected) - np.log(expected).mean(axis=1, keepdims=True)
    # between images, not only between classes
    assert logits.std(axis=0).min() > 0.05 * np.ptp(logits)
    for name in EXACT:
        if base == "convnext_tiny" and name.startswith("onnx"):  # what tf2onnx 1.17 lacks
            with pytest.raises(UserError, match=r"ONNX has no such operation.*Erfc"):
                export_model(model, name, tmp_path, spec(size=size), pixels, expected)
            continue
        report = export_model(model, name, tmp_path, spec(size=size), pixels, expected)
        assert report["difference"] < TOLERANCE
