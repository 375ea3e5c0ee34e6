"""ONNX files of networks whose maps grow by no whole number."""

import numpy as np
import pytest

from keras_transfer.backend import load_keras
from tests.support.tiny import SIZE, export_model, images, predict_file, predictions, spec


@pytest.mark.parametrize(("rows", "larger"), [(12, 23), (8, 15), (15, 29), (6, 12)])
def test_maps_grow_to_the_very_rows_that_they_have(tmp_path, rows, larger):
    pytest.importorskip("tf2onnx")
    keras = load_keras()
    layers = keras.layers
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    whole = layers.Rescaling(1 / 255)(pixels)
    coarse, fine = (layers.Resizing(size, size)(whole) for size in (rows, larger))
    fine = layers.Conv2D(3, 3, padding="same")(fine)  # whose rows ONNX Runtime knows
    x = layers.Add()([layers.Resizing(larger, larger)(coarse), fine])  # as in a pyramid
    x = layers.Flatten()(x)
    model = keras.Model(pixels, layers.Dense(3, activation="softmax", name="output")(x))
    about, arrays = spec(), images(6)
    expected = predictions(model, arrays)
    written = export_model(model, "onnx", tmp_path, about, arrays, expected)
    assert np.abs(predict_file(written["path"], arrays) - expected).max() < 1e-4
