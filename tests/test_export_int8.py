"""What int8 costs is judged on blends, and more is tried where it costs too much."""

import numpy as np
import pytest

from keras_transfer.backend import load_keras
from keras_transfer.errors import UserError
from keras_transfer.export.common.network import Network
from keras_transfer.export.tflite import int8
from keras_transfer.export.tflite.calibration import Calibrated
from keras_transfer.export.tflite.int8 import Quantiser, blend
from keras_transfer.runtimes.conversion import trace
from keras_transfer.runtimes.litert import LiteRTRuntime
from tests.support.tiny import (
    export_model,
    images,
    liven,
    predict_file,
    predictions,
    spec,
    tiny_model,
)


def test_int8_reads_plain_pixels_whatever_the_training_examples_are(tmp_path):
    dim = (images(60, seed=4) // 4 + 60).astype(np.uint8)
    model, pixels = tiny_model(), (images(30, seed=6) // 4 + 60).astype(np.uint8)
    expected = predictions(model, pixels)
    written = export_model(model, "tflite-int8", tmp_path, spec(), pixels, expected, lambda: dim)
    assert written["input"] == "uint8"
    (source,) = LiteRTRuntime(written["path"]).inputs
    assert source["quantization"] == (1.0, 0)
    assert np.abs(predict_file(written["path"], pixels) - expected).max() < 0.2


def quantiser(sample):
    return Quantiser(Network(tiny_model(), spec()), sample)


def test_the_first_recipe_that_agrees_enough_is_taken(monkeypatch):
    one = quantiser(images(60, seed=4))
    monkeypatch.setattr(type(one.network.task), "alike_enough", 0.0)
    assert one.best().recipe.name == "a scale a channel"
    # nothing agrees so well: the nearest to the model is taken, and 16 bits are not needed
    monkeypatch.setattr(type(one.network.task), "alike_enough", 1.1)
    tried = [one.attempt(recipe) for recipe in one.recipes() if recipe.activations == 8]
    best = one.best()
    assert best.distance == min(attempt.distance for attempt in tried)
    assert best.distance < tried[0].distance  # layers in float bring it nearer


def test_more_examples_are_tried_only_where_there_are_more():
    few, many = quantiser(images(30, seed=4)), quantiser(images(230, seed=4))
    names = [recipe.name for recipe in many.recipes()]
    assert [recipe.calibrated for recipe in many.recipes()] == [200] * 5 + [230, 200]
    assert [recipe.name for recipe in few.recipes()] == names[:5] + names[6:]
    assert {recipe.calibrated for recipe in few.recipes()} == {30}


def test_a_network_that_cannot_be_quantised_is_refused(monkeypatch, capsys):
    calibrations = []

    def fail(*arguments, **settings):
        calibrations.append(arguments)
        raise RuntimeError("no kernel for it\nat line 3")

    one = quantiser(images(30, seed=4))
    monkeypatch.setattr(int8, "Calibrated", fail)
    monkeypatch.setattr(int8, "convert_traced", fail)
    with pytest.raises(UserError, match="cannot be quantised to int8"):
        one.best()
    assert "cannot be made (no kernel for it)" in capsys.readouterr().err
    assert len(calibrations) == 2  # of 8 and of 16 bits, not once a recipe


def test_heavy_layers_stay_in_int8_whatever_they_lose():
    keras = load_keras()
    keras.utils.set_random_seed(0)
    source = keras.Input((16, 16, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 255)(source)
    x = keras.layers.Conv2D(8, 3, strides=4, activation="relu", name="light")(x)
    x = keras.layers.Conv2D(512, 3, activation="relu", name="heavy")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(3, name="head")(x)
    network = keras.Model(source, keras.layers.Softmax()(x))
    liven(network, images(12, seed=9))
    calibrated = Calibrated(trace(network, "probabilities"), network.weights, images(40))
    plain, float_layers = calibrated.quantise(), calibrated.quantise(24)
    assert any("light" in name for name in calibrated._layers)
    assert not any("heavy" in name for name in calibrated._layers)
    assert len(plain) < len(float_layers) < 1.3 * len(plain)


def test_a_blend_is_half_of_one_example_and_half_of_another():
    sample = images(7)
    blends = blend(sample, 5)
    assert (blends.shape, blends.dtype) == ((5, *sample.shape[1:]), np.uint8)
    blended = [(sample[0].astype(float) + other) / 2 for other in sample[1:]]
    assert min(np.abs(blends[0] - half).max() for half in blended) <= 0.5
