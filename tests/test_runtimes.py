"""Each runtime runs a network as Keras does: any number of examples, several outputs."""

import numpy as np
import pytest

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import batches, concatenate, count, take
from keras_transfer.runtimes.batching import BATCH_SIZE
from keras_transfer.runtimes.conversion import convert, convert_traced, trace
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.runtimes.litert import LiteRTRuntime
from keras_transfer.runtimes.openvino import OpenVINORuntime
from keras_transfer.runtimes.saved_model import SavedModelRuntime
from tests.support.tiny import SIZE, images

NAMES = ("mask", "boxes")  # not in alphabetical order


@pytest.fixture(scope="module")
def network():
    """A `keras.Model` with a map and a vector as its outputs."""
    keras = load_keras()
    keras.utils.set_random_seed(0)
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 255)(pixels)
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    vector = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(pixels, [keras.layers.Conv2D(2, 1)(x), vector])


@pytest.fixture(scope="module")
def runtimes(network, tmp_path_factory):
    """{name: a runtime of the network}."""
    onnx = pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    from keras_transfer.runtimes.onnx import ONNXRuntime

    tf, folder = load_tensorflow(), tmp_path_factory.mktemp("files")
    (folder / "network.tflite").write_bytes(convert(network, NAMES))
    signature = tf.TensorSpec((None, SIZE, SIZE, 3), tf.uint8, "pixels")

    @tf.function(input_signature=[signature], autograph=False)
    def serve(pixels):
        return dict(zip(NAMES, network(tf.cast(pixels, tf.float32)), strict=True))

    archive = tf.Module()
    archive.network, archive.serve = network, serve
    tf.saved_model.save(archive, folder / "saved", signatures={"serve_arrays": serve})
    onnx.convert.from_function(serve, [signature], output_path=folder / "network.onnx")
    names = {"output_names": NAMES}
    return {
        "keras": KerasRuntime(network),
        "litert": LiteRTRuntime(folder / "network.tflite", **names),
        "litert, two": LiteRTRuntime(folder / "network.tflite", interpreters=2, **names),
        "onnx": ONNXRuntime(folder / "network.onnx", **names),
        "openvino": OpenVINORuntime(folder / "network.onnx", **names),
        "openvino, throughput": OpenVINORuntime(folder / "network.onnx", throughput=True, **names),
        "saved model": SavedModelRuntime(folder / "saved", **names),
    }


KINDS = ("keras", "litert", "litert, two", "onnx", "openvino", "openvino, throughput")


@pytest.mark.parametrize("kind", [*KINDS, "saved model"])
def test_two_outputs_are_the_same_tuple_in_every_runtime(kind, network, runtimes):
    pixels = images(BATCH_SIZE + 3)
    expected = network.predict(pixels.astype(np.float32), verbose=0)
    runtime = runtimes[kind]
    assert runtime.input_shapes == ((SIZE, SIZE, 3),)
    assert runtime.description.split()[-1][0].isdigit()
    for n in (0, 1, BATCH_SIZE + 3):
        found = runtime(pixels[:n])
        assert isinstance(found, tuple)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == np.float32
            assert one.shape == (n, *other.shape[1:])
            np.testing.assert_allclose(one, other[:n], atol=1e-5)


def test_outputs_without_a_signature_are_in_the_order_of_their_numbers(network):
    pixels = images(5)
    data = convert_traced(trace(network))
    expected = KerasRuntime(network)(pixels)
    for one, other in zip(LiteRTRuntime(data)(pixels), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    with pytest.raises(UserError, match="no such inputs or outputs"):
        LiteRTRuntime(data, output_names=NAMES)


def test_several_inputs_are_taken_in_their_order():
    keras = load_keras()
    one, two = keras.Input((4,), name="z"), keras.Input((4,), name="a", dtype="int32")
    doubled = keras.layers.Rescaling(2.0)(two)
    same = keras.layers.Dense(4, use_bias=False, kernel_initializer="identity")
    network = keras.Model([one, two], same(keras.layers.Subtract()([one, doubled])))
    numbers = np.arange(12).reshape(3, 4)
    inputs = (numbers.astype(np.float32) / 2, numbers)
    file = LiteRTRuntime(convert(network), input_names=("z", "a"))
    for runtime in (KerasRuntime(network, batch_size=2), file):
        np.testing.assert_allclose(runtime(inputs), -1.5 * numbers)


def test_weights_that_change_change_the_predictions(network):
    runtime, pixels = KerasRuntime(network), images(2)
    before, _ = runtime(pixels)
    weights = network.get_weights()
    network.set_weights([2 * weight for weight in weights])
    after, _ = runtime(pixels)
    network.set_weights(weights)
    assert np.abs(after - before).max() > 0.01


def test_structures_are_taken_apart_and_put_together():
    pair = np.arange(10).reshape(5, 2), np.arange(5)
    parts = batches(pair, 2)
    assert [count(part) for part in parts] == [2, 2, 1]
    for one, other in zip(concatenate(parts), pair, strict=True):
        assert (one == other).all()
    assert take(pair[1], [3, 0]).tolist() == [3, 0]
    assert [count(part) for part in batches(pair[1][:0], 2)] == [0]
