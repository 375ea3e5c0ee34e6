"""TFLite files hold their names, take any batch, and are of built-in operations alone."""

import os
import zipfile

import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.export.metadata import append_files
from keras_transfer.export.names import read_names
from keras_transfer.export.readers import BATCH, open_export
from keras_transfer.export.tflite import export_tflite
from keras_transfer.runtime import load_keras, load_tensorflow
from tests.tiny import NAMES, SIZE, about, answers, pictures, tiny_model


def test_the_tflite_file_takes_any_batch_and_holds_the_names(exported):
    model, folder = exported
    path, pixels = folder / "model.tflite", pictures(BATCH + 2)
    expected = answers(model, pixels)
    for n in (1, 5, BATCH + 2):
        np.testing.assert_allclose(open_export(path).answers(pixels[:n]), expected[:n], atol=1e-5)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["labels.txt", "keras_transfer.json"]
        assert archive.testzip() is None
    assert read_names(path) == tuple(NAMES)
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    (source,) = interpreter.get_input_details()
    assert source["dtype"] == np.float32
    assert source["shape_signature"].tolist() == [-1, SIZE, SIZE, 3]
    signature = interpreter.get_signature_runner("serving_default")
    served = signature(pixels=pixels[:1].astype(np.float32))["probabilities"]
    np.testing.assert_allclose(served, expected[:1], atol=1e-5)


def test_equal_models_are_equal_files(tmp_path):
    for name in ("a.tflite", "b.tflite"):
        load_keras().utils.clear_session()  # else the second one's layers have other names
        export_tflite(tiny_model(seed=3), tmp_path / name, about())
    assert (tmp_path / "a.tflite").read_bytes() == (tmp_path / "b.tflite").read_bytes()


def test_a_file_without_names_has_none(tmp_path):
    (tmp_path / "bare.tflite").write_bytes(b"flatbuffer")
    assert read_names(tmp_path / "bare.tflite") == ()
    (tmp_path / "named.tflite").write_bytes(append_files(b"flatbuffer", about(names=["a\nb", "c"])))
    assert read_names(tmp_path / "named.tflite") == ("a b", "c")
    assert (tmp_path / "named.tflite").read_bytes().startswith(b"flatbuffer")


def test_an_operation_that_tflite_lacks_is_named(tmp_path, capfd):
    keras, tf = load_keras(), load_tensorflow()
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = keras.layers.GlobalAveragePooling2D()(pixels)
    x = keras.layers.Lambda(lambda x: tf.math.betainc(x, x, x / 255), output_shape=(3,))(x)
    model = keras.Model(pixels, keras.layers.Dense(3, name="head")(x))
    with pytest.raises(UserError, match="found: Betainc"):
        export_tflite(model, tmp_path / "model.tflite", about())
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr().err == ""
