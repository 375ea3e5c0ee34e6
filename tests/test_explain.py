"""Maps of what a prediction rests on: where evidence was planted, and gone when weights are."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.backend import load_keras, set_seed
from keras_transfer.bases.table import FAMILIES
from keras_transfer.config import names_in
from keras_transfer.errors import UserError
from keras_transfer.explain import explain_files, find_method, grad_cam
from keras_transfer.inputs import InputSpec, Tensor
from keras_transfer.model.factory import build_model
from keras_transfer.model.spec import ModelSpec
from keras_transfer.run.predictor import Predictor

METHODS = names_in("explain")
FAST = ("mobilenet_v2_0.35", "efficientnet_lite0", "vgg16")
SIZE, PATCH = 64, 16
each_method = pytest.mark.parametrize("method", METHODS)


def patches(n, seed):
    """(pixels uint8, classes, mask of the evidence): the class is the colour of one square."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(90, 150, (n, SIZE, SIZE, 3)).astype(np.uint8)
    classes, masks = rng.integers(0, 2, n), np.zeros((n, SIZE, SIZE), bool)
    for number, channel in enumerate(classes):
        # a blue square says nothing: it is there for both
        for colour in (2, channel):
            top, left = rng.integers(0, SIZE - PATCH, 2)
            here = (number, slice(top, top + PATCH), slice(left, left + PATCH))
            pixels[here] = 40
            pixels[(*here, colour)] = 230
        masks[here] = True
    return pixels, classes, masks


@functools.cache
def trained():
    """A tiny base of one's own with a head, which tells the two colours apart."""
    keras = load_keras()
    keras.utils.set_random_seed(0)
    layers = keras.layers
    base = keras.Sequential(name="tiny")
    base.add(keras.Input((SIZE, SIZE, 3)))
    base.add(layers.Rescaling(1 / 127.5, offset=-1))
    base.add(layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"))
    model = build_model(base, "classification", 2)
    for layer in model.layers:
        layer.trainable = True
    pixels, classes, _ = patches(400, seed=1)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(pixels, classes, batch_size=40, epochs=12, verbose=0)
    pixels, classes, masks = patches(40, seed=2)
    right = model.predict(pixels, verbose=0).argmax(axis=1) == classes
    assert right.mean() > 0.9
    return model, pixels[right], classes[right], masks[right]


def randomised(model, layers):
    """A copy with other weights in these layers, of the same spread."""
    copy = load_keras().models.clone_model(model)
    copy.set_weights(model.get_weights())
    rng = np.random.default_rng(3)
    for name in layers:
        layer = copy.get_layer(name)
        layer.set_weights(
            [rng.permutation(w.ravel()).reshape(w.shape) for w in layer.get_weights()]
        )
    return copy


def rank_correlations(ones, others):
    from scipy.stats import rankdata

    ranks = [[rankdata(one) for one in maps] for maps in (ones, others)]
    pairs = list(zip(*ranks, strict=True))
    # a map that is the same everywhere has no order, so none in common with another
    return np.array([np.corrcoef(a, b)[0, 1] if a.std() and b.std() else 0 for a, b in pairs])


def test_the_files_of_the_room_are_the_methods():
    assert METHODS == ("grad_cam", "rise")


@each_method
def test_the_map_lies_on_evidence_that_was_planted(method):
    model, pixels, _, masks = trained()
    maps = find_method(method).maps(model, pixels)
    assert maps.shape == pixels.shape[:3]
    assert maps.dtype == np.float32
    inside = np.array([one[mask].mean() for one, mask in zip(maps, masks, strict=True)])
    outside = np.array([one[~mask].mean() for one, mask in zip(maps, masks, strict=True)])
    assert np.median(inside) > 2.5 * np.median(outside)
    highest = [mask.ravel()[one.argmax()] for one, mask in zip(maps, masks, strict=True)]
    assert np.mean(highest) > 0.8


@each_method
def test_the_same_model_gives_the_same_map_and_another_another(method):
    """The sanity checks of Adebayo et al. 2018, arXiv:1810.03292."""
    model, pixels, classes, _ = trained()
    maps = find_method(method).maps
    own = maps(model, pixels, classes)
    np.testing.assert_array_equal(own, maps(randomised(model, []), pixels, classes))
    convolutions = [one.name for one in model.layers if "conv" in one.name]
    for layers in (["head"], convolutions):
        other = maps(randomised(model, layers), pixels, classes)
        assert rank_correlations(own, other).mean() < 0.6, layers


@each_method
def test_another_output_has_another_map(method):
    model, pixels, classes, _ = trained()
    maps = find_method(method).maps
    np.testing.assert_array_equal(maps(model, pixels), maps(model, pixels, classes))
    assert rank_correlations(maps(model, pixels), maps(model, pixels, 1 - classes)).mean() < 0.2
    with pytest.raises(UserError, match=r"no such output to explain .found: 2.. Allowed: 0 to 1"):
        maps(model, pixels, 2)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000), output=st.integers(0, 2))
def test_under_a_linear_head_grad_cam_is_the_class_activation_map(seed, output):
    """Zhou et al. 2016, arXiv:1512.04150: the channels of the map, weighted by the head."""
    keras = load_keras()
    pixels = np.random.default_rng(seed).uniform(0, 255, (9, 8, 8, 3)).astype(np.float32)
    base = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 1)], name="linear")
    model = build_model(base, "classification", 3)
    kernel = model.get_layer("head").get_weights()[0][:, output]
    features = keras.Model(model.inputs[0], grad_cam.find_feature_map(model))(pixels)
    expected = np.maximum(np.asarray(features) @ kernel, 0)
    largest = expected.max(axis=(1, 2), keepdims=True)
    expected = np.divide(expected, largest, out=np.zeros_like(expected), where=largest > 0)
    np.testing.assert_allclose(grad_cam.maps(model, pixels, output), expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["avg", "max", "flatten"])
@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
@each_method
def test_each_task_and_pooling(method, task, pooling):
    base = trained()[0]
    layers = load_keras().layers
    body = load_keras().Model(base.input, grad_cam.find_feature_map(base), name="body")
    model = build_model(body, task, 3, (4,), 0.5, pooling=pooling)
    assert isinstance(model.get_layer("pool"), layers.Layer)
    pixels = patches(5, seed=4)[0]
    maps = find_method(method).maps(model, pixels, [0, 1, 2, 0, 1])
    assert maps.shape == (5, SIZE, SIZE)
    assert np.isfinite(maps).all()
    assert maps.min() >= 0
    assert set(maps.max(axis=(1, 2))) <= {0.0, 1.0}


@pytest.mark.parametrize(
    "base",
    [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in FAMILIES.values()],
)
def test_every_family_has_a_map(base):
    size = 64 if base in FAST else 96
    set_seed(1)  # of random heads one in sixteen votes against every class on a map of one cell
    model = build_model(base, "classification", 4, weights="none", image_size=size)
    pixels = np.random.default_rng(0).integers(0, 256, (2, size, size, 3)).astype(np.uint8)
    maps = np.concatenate([grad_cam.maps(model, pixels, output) for output in range(4)])
    assert maps.shape == (8, size, size)
    assert np.isfinite(maps).all()
    assert maps.min() == 0 or maps.shape[1] < 96  # a map of one cell is 1 everywhere
    assert maps.max() == 1


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_mixed_model_has_nearly_the_same_map(policy):
    keras, (model, pixels, classes, _) = load_keras(), trained()
    mixed = keras.models.clone_model(
        model,
        clone_function=lambda one: type(one).from_config({**one.get_config(), "dtype": policy}),
    )
    mixed.set_weights(model.get_weights())
    maps = [grad_cam.maps(one, pixels, classes) for one in (model, mixed)]
    assert maps[1].dtype == np.float32
    assert rank_correlations(*maps).mean() > 0.95


def test_what_has_no_map_is_refused_in_a_line(monkeypatch):
    keras = load_keras()
    flat = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()], name="flat")
    model, pixels = build_model(flat), patches(1, seed=0)[0][:, :8, :8]
    with pytest.raises(UserError, match=r"rows and columns .found: shape .192,.* rise"):
        grad_cam.maps(model, pixels)
    assert find_method("rise").maps(model, pixels).shape == (1, 8, 8)
    numbers = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="numbers")
    with pytest.raises(UserError, match="only what has rows and columns"):
        find_method("rise").maps(build_model(numbers), np.zeros((2, 4)))
    with pytest.raises(UserError, match="needs a model with a layer `pool`"):
        grad_cam.maps(flat, pixels)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match=r"TensorFlow backend .found: jax"):
        grad_cam.maps(trained()[0], pixels)


def test_a_modality_that_cannot_be_shown_is_refused(toys, tmp_path):
    (tmp_path / "one.txt").write_text("1 2 3 4")
    keras = load_keras()
    rows = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="rows")
    inputs = InputSpec("numbers", (Tensor("row", (4,), "float32"),), {"divisor": 1.0})
    spec = ModelSpec("classification", ("a", "b"), "rows", inputs)
    predictor = Predictor(None, spec, build_model(rows))
    with pytest.raises(UserError, match=r"cannot be shown .*found: numbers"):
        list(explain_files(predictor, tmp_path / "one.txt"))
