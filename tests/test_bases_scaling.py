"""Raw pixels through our build answer as the bare application on its own preprocessing."""

import keras
import numpy
import pytest

from keras_transfer.bases.build import build_base
from keras_transfer.bases.scaling import SCALINGS, scale_pixels
from keras_transfer.bases.table import BASES, FAMILIES
from keras_transfer.bases.weight_files import read_scale

MODULES = {  # family: where keras.applications keeps its preprocess_input
    "vgg": "vgg16",
    "resnet": "resnet",
    "resnet_v2": "resnet_v2",
    "xception": "xception",
    "inception_v3": "inception_v3",
    "inception_resnet_v2": "inception_resnet_v2",
    "mobilenet": "mobilenet",
    "mobilenet_v2": "mobilenet_v2",
    "mobilenet_v3": "mobilenet_v3",
    "densenet": "densenet",
    "nasnet": "nasnet",
    "efficientnet": "efficientnet",
    "efficientnet_v2": "efficientnet_v2",
    "convnext": "convnext",
}
SMALL_SIZE = 32  # pixels a side, where the family allows it


def random_pixels(size, count=2):
    return numpy.random.default_rng(0).uniform(0, 255, (count, size, size, 3)).astype("float32")


def randomise(network):
    """Weights far from their start, batch norm statistics above all: equal ones hide mistakes."""
    draw = numpy.random.default_rng(1)
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            randomise(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            ranges = {"gamma": (0.8, 1.2), "beta": (-0.2, 0.2)}
            ranges |= {"moving_mean": (-0.2, 0.2), "moving_variance": (0.5, 1.5)}
            for weight in layer.weights:
                weight.assign(draw.uniform(*ranges[weight.name], weight.shape))
        elif type(layer).__name__ == "LayerScale":  # 1e-6 at first: its block would not count
            layer.gamma.assign(draw.uniform(0.1, 0.3, layer.gamma.shape))


def bare_network(name, size, **settings):
    """The application as a Keras user builds it, its own preprocessing layers included."""
    base = BASES[name]
    arguments = {k: v for k, v in base.arguments if k != "include_preprocessing"}
    build = getattr(keras.applications, base.application)
    settings = {"weights": None, "include_top": False, **arguments, **settings}
    return build(input_shape=(size, size, 3), **settings)


def relative_difference(ours, theirs):
    ours, theirs = (keras.ops.convert_to_numpy(one) for one in (ours, theirs))
    assert theirs.std() > 1e-6  # a dead network would agree with everything
    return abs(ours - theirs).max() / abs(theirs).max()


def test_every_family_has_its_proof():
    ours = {"efficientnet_lite", "conv4"}  # Lite: test_efficientnet_lite.py; conv4 has no weights
    assert set(MODULES) | ours == set(FAMILIES)


@pytest.mark.parametrize("family", [family for family in MODULES if family != "efficientnet"])
def test_raw_pixels_answer_as_the_bare_application(family, tmp_path):
    name = FAMILIES[family]
    size = max(SMALL_SIZE, BASES[name].minimum_size)
    network = bare_network(name, size)
    randomise(network)
    network.save_weights(tmp_path / "bare.weights.h5")
    ours = build_base(name, size, tmp_path / "bare.weights.h5")
    pixels = random_pixels(size)
    preprocess = getattr(keras.applications, MODULES[family]).preprocess_input
    theirs = network(preprocess(pixels.copy()), training=False)
    assert relative_difference(ours(pixels, training=False), theirs) < 1e-5


@pytest.mark.slow
def test_efficientnet_v2_of_the_larger_sizes_has_a_scaling_of_its_own(tmp_path):
    network = bare_network("efficientnet_v2_s", 32)
    randomise(network)
    network.save_weights(tmp_path / "bare.weights.h5")
    ours = build_base("efficientnet_v2_s", 32, tmp_path / "bare.weights.h5")
    pixels = random_pixels(32)
    theirs = network(pixels, training=False)
    assert relative_difference(ours(pixels, training=False), theirs) < 1e-5


@pytest.fixture
def imagenet_efficientnet(tmp_path, monkeypatch):
    """EfficientNetB0 as `weights="imagenet"` builds it, with weights that need no network."""
    source = bare_network("efficientnet_b0", SMALL_SIZE)
    randomise(source)
    statistics = next(layer for layer in source.layers if layer.name.startswith("normalization"))
    # The published file keeps the deviations where the variances belong, and the second
    # Rescaling makes up for it (github.com/tensorflow/tensorflow/issues/49930).
    mean, variance, _ = statistics.weights
    mean.assign([0.485, 0.456, 0.406])
    variance.assign([0.229, 0.224, 0.225])
    source.save_weights(tmp_path / "cached.weights.h5")
    module = "keras.src.applications.efficientnet.file_utils.get_file"
    monkeypatch.setattr(module, lambda *_, **__: str(tmp_path / "cached.weights.h5"))
    return bare_network("efficientnet_b0", SMALL_SIZE, weights="imagenet")


def test_efficientnet_from_imagenet_and_from_a_file_of_it(imagenet_efficientnet, tmp_path):
    pixels = random_pixels(SMALL_SIZE)
    theirs = imagenet_efficientnet(pixels, training=False)
    rescalings = [ly for ly in imagenet_efficientnet.layers if "rescaling" in ly.name]
    assert len(rescalings) == 2  # else this is not the network of weights="imagenet"
    ours = build_base("efficientnet_b0", SMALL_SIZE, "imagenet")
    assert relative_difference(ours(pixels, training=False), theirs) < 1e-5
    for ending in (".weights.h5", ".keras"):
        path = tmp_path / f"saved{ending}"
        save = imagenet_efficientnet.save if ending == ".keras" else None
        (save or imagenet_efficientnet.save_weights)(path)
        ours = build_base("efficientnet_b0", SMALL_SIZE, path)
        assert relative_difference(ours(pixels, training=False), theirs) < 1e-5


def test_efficientnet_trained_from_nothing_keeps_the_scaling_it_was_trained_with(tmp_path):
    network = bare_network("efficientnet_b0", SMALL_SIZE)
    randomise(network)
    network.save_weights(tmp_path / "bare.weights.h5")
    pixels = random_pixels(SMALL_SIZE)
    theirs = network(pixels, training=False)
    ours = build_base("efficientnet_b0", SMALL_SIZE, tmp_path / "bare.weights.h5")
    assert relative_difference(ours(pixels, training=False), theirs) < 1e-5
    ours.save(tmp_path / "run.keras")  # and hands it on to the next run
    next_one = build_base("efficientnet_b0", SMALL_SIZE, tmp_path / "run.keras")
    assert relative_difference(next_one(pixels, training=False), theirs) < 1e-5


MODES = {"signed": "tf", "torch": "torch", "caffe": "caffe"}


@pytest.mark.parametrize("scaling", MODES)
def test_scaling_is_that_of_keras(scaling):
    pixels = keras.Input((4, 4, 3))
    model = keras.Model(pixels, scale_pixels(pixels, scaling))
    raw = random_pixels(4)
    wanted = keras.applications.imagenet_utils.preprocess_input(raw.copy(), mode=MODES[scaling])
    numpy.testing.assert_allclose(model.predict(raw, verbose=0), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_scaling_converts_to_plain_tflite(scaling):
    tensorflow = pytest.importorskip("tensorflow")
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    pixels = keras.Input((4, 4, 3), batch_size=2)
    model = keras.Model(pixels, scale_pixels(pixels, scaling))
    function = tensorflow.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tensorflow.TensorSpec((2, 4, 4, 3)))
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    interpreter = interpreter_module.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()  # fails on any operation that is not a built-in
    raw = random_pixels(4)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], raw)
    interpreter.invoke()
    prediction = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    numpy.testing.assert_allclose(prediction, model(raw), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scaling", list(SCALINGS))
def test_a_saved_scale_is_read_as_three_numbers(scaling, tmp_path):
    pixels = keras.Input((SMALL_SIZE, SMALL_SIZE, 3), name="pixels")
    model = keras.Model(pixels, scale_pixels(pixels, scaling))
    model.save(tmp_path / "model.keras")
    kind = SCALINGS[scaling]
    assert read_scale(tmp_path / "model.keras") == (kind.scale, kind.offset)
    # XNNPACK is slow with three numbers: one where they are alike
    scale = model.get_layer("scale").scale
    assert isinstance(scale, float) == (len(set(kind.scale)) == 1)
