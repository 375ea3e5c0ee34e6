"""TFLite files hold their names, have no free shape, and are of built-in operations alone."""

import os
import zipfile

import numpy as np
import pytest

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.errors import UserError
from keras_transfer.export import open_export
from keras_transfer.export.common.network import Network
from keras_transfer.export.tflite import write
from keras_transfer.export.tflite.float16_weights import to_float16_weights
from keras_transfer.export.tflite.metadata import add_files
from keras_transfer.runtimes.batching import FILE_BATCH_SIZE
from keras_transfer.runtimes.conversion import convert
from tests.support.tiny import (
    NAMES,
    SIZE,
    export_model,
    images,
    liven,
    predict_file,
    predictions,
    spec,
    tiny_model,
)


def test_the_tflite_file_predicts_for_many_and_holds_the_names(exported):
    model, folder = exported
    path, pixels = folder / "model.tflite", images(FILE_BATCH_SIZE + 2)
    expected = predictions(model, pixels)
    for n in (1, 5, FILE_BATCH_SIZE + 2):
        np.testing.assert_allclose(predict_file(path, pixels[:n]), expected[:n], atol=1e-5)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["labels.txt", "keras_transfer.json"]
        assert archive.testzip() is None
    assert open_export(path).spec.outputs == tuple(NAMES)
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    (source,) = interpreter.get_input_details()
    assert source["dtype"] == np.float32
    assert source["shape_signature"].tolist() == [1, SIZE, SIZE, 3]
    signature = interpreter.get_signature_runner("serving_default")
    served = signature(pixels=pixels[:1].astype(np.float32))["probabilities"]
    np.testing.assert_allclose(served, expected[:1], atol=1e-5)


@pytest.mark.parametrize("kind", ["", "-float16", "-dynamic", "-int8"])
def test_no_shape_in_a_file_is_free(exported, tmp_path, kind):
    """LiteRT.js (2.5.3) refuses a file whose batch is."""
    from ai_edge_litert.interpreter import Interpreter

    model, pixels = exported[0], images(8)
    given = (spec(), pixels, predictions(model, pixels), lambda: pixels)
    export_model(model, f"tflite{kind}", tmp_path, *given)
    interpreter = Interpreter(str(tmp_path / f"model{kind}.tflite"))
    interpreter.allocate_tensors()
    shapes = [list(one["shape_signature"]) for one in interpreter.get_tensor_details()]
    assert all(side > 0 for shape in shapes for side in shape)


def test_equal_models_are_equal_files(tmp_path):
    for name in ("a.tflite", "b.tflite"):
        load_keras().utils.clear_session()  # else the second one's layers have other names
        write(Network(tiny_model(seed=3), spec()), tmp_path / name)
    assert (tmp_path / "a.tflite").read_bytes() == (tmp_path / "b.tflite").read_bytes()


def test_a_file_without_names_has_none(tmp_path):
    bare = convert(tiny_model(), "probabilities")
    (tmp_path / "bare.tflite").write_bytes(bare)
    assert open_export(tmp_path / "bare.tflite").spec is None
    (tmp_path / "named.tflite").write_bytes(add_files(bare, spec(names=["a\nb", "c", "d"])))
    assert open_export(tmp_path / "named.tflite").spec.outputs == ("a b", "c", "d")
    assert (tmp_path / "named.tflite").read_bytes().startswith(bare)


def test_an_operation_that_tflite_lacks_is_named(tmp_path, capfd):
    keras, tf = load_keras(), load_tensorflow()
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = keras.layers.GlobalAveragePooling2D()(pixels)
    x = keras.layers.Lambda(lambda x: tf.math.betainc(x, x, x / 255), output_shape=(3,))(x)
    model = keras.Model(pixels, keras.layers.Dense(3, name="head")(x))
    with pytest.raises(UserError, match="found: Betainc"):
        write(Network(model, spec()), tmp_path / "model.tflite")
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr().err == ""


@pytest.fixture(scope="module")
def float32_file():
    """(model, its TFLite file): a depthwise and a large, a small and a huge dense kernel."""
    keras = load_keras()
    keras.utils.set_random_seed(0)
    layers = keras.layers
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = layers.Conv2D(8, 3, activation="relu", name="small")(layers.Rescaling(1 / 255)(pixels))
    x = layers.Conv2D(256, 1, activation="relu", name="large")(x)
    x = layers.DepthwiseConv2D(3, activation="relu", name="depthwise")(x)
    x = layers.Conv2D(64, 1, name="huge")(x)
    x = layers.Dense(3, name="head")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(pixels, layers.Softmax()(x))
    huge = model.get_layer("huge")
    kernel, bias = huge.get_weights()
    kernel[0, 0, 0, 0] = 1e6  # float16 ends at 65504
    huge.set_weights([kernel, bias])
    liven(model, images(12, seed=9))
    return model, convert(model, "probabilities")


def test_heavy_kernels_that_float16_reaches_are_reduced(float32_file):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=to_float16_weights(float32_file[1]))
    kinds = {one["name"]: one["dtype"] for one in interpreter.get_tensor_details()}
    reduced = [name for name, kind in kinds.items() if kind == np.float16]
    assert len(reduced) == 1
    assert "large" in reduced[0]


def test_float16_weights_predict_nearly_as_the_model(float32_file, tmp_path):
    model, whole = float32_file
    half = to_float16_weights(whole)
    assert len(half) < len(whole) - 2 * 8 * 256 + 500  # of the name and the operation
    (tmp_path / "half.tflite").write_bytes(half)
    pixels = images(6)
    found = predict_file(tmp_path / "half.tflite", pixels)
    np.testing.assert_allclose(found, predictions(model, pixels), atol=2e-3)
    assert to_float16_weights(half) == to_float16_weights(to_float16_weights(half))
    assert to_float16_weights(half).count(b"/half") == 1


def test_weights_behind_the_flatbuffer_are_not_reduced(float32_file):
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(float32_file[1], 0)
    model.buffers[1].offset = 4096
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(UserError, match="too large for float16"):
        to_float16_weights(bytes(builder.Output()))
