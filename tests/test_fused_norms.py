"""Batch normalisation in one operation: the same numbers, and nothing left behind."""

import contextlib

import numpy as np
import pytest

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.runtimes.fused_norms import fused_norms

keras, tf = load_keras(), load_tensorflow()
SETTINGS = (
    {},
    {"scale": False, "momentum": 0.9, "epsilon": 1e-6},
    {"center": False},
    {"axis": 1},
    {"renorm": True},
    {"dtype": "mixed_float16"},
)
PIXELS = np.random.default_rng(1).normal(2, 3, (7, 6, 5, 3)).astype("float32")


def network_of(settings, frozen=False):
    """A small network whose norms have weights of their own; `frozen` are all but its last two."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = layers.Input((6, 5, 3))
    x = layers.Conv2D(4, 3, name="first")(inputs)
    x = layers.BatchNormalization(name="first_norm", **settings)(x)
    x = layers.Conv2D(4, 2, name="second")(x)
    x = layers.BatchNormalization(name="second_norm", **settings)(x)
    model = keras.Model(inputs, layers.Dense(2, dtype="float32")(layers.Flatten()(x)))
    rng = np.random.default_rng(0)
    for norm in model.layers:
        if isinstance(norm, layers.BatchNormalization):
            norm.set_weights([rng.uniform(0.5, 2, one.shape) for one in norm.get_weights()])
    for layer in model.layers[:3] if frozen else ():
        layer.trainable = False
    return model


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_training_and_predictions_are_the_same(settings, frozen):
    near = {"rtol": 2e-2, "atol": 2e-2} if "dtype" in settings else {"rtol": 1e-4, "atol": 1e-5}
    plain, fused = network_of(settings, frozen), network_of(settings, frozen)
    found = []
    for model in (plain, fused):
        model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=False)
        predicted = tf.function(lambda x, model=model: model(x, training=False))
        with fused_norms(model) if model is fused else contextlib.nullcontext():
            losses = [model.train_on_batch(PIXELS, np.ones((7, 2))) for _ in range(3)]
            outputs = predicted(PIXELS)
        found.append([np.array(losses), outputs.numpy(), *model.get_weights()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(other, one, **near)


def test_a_norm_without_weights_learns_before_all_that_trains():
    norm = keras.layers.BatchNormalization(scale=False, center=False)
    layers = [keras.layers.Input((6, 5, 3)), norm, keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    with fused_norms(model):
        standardised = norm(PIXELS, training=True).numpy()
    np.testing.assert_allclose(standardised.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    assert np.all(norm.moving_mean.numpy() > 0)


def operations(model, training):
    """Kinds of operations in the graph of a network, and of its gradient where it trains."""

    def run(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x, training=training))
        return tape.gradient(loss, model.trainable_variables) if training else loss

    with fused_norms(model):
        graph = tf.function(run).get_concrete_function(tf.TensorSpec((7, 6, 5, 3))).graph
    return [operation.type for operation in graph.get_operations()]


def test_the_graph_has_one_operation_for_each():
    found = operations(network_of({}), training=False)
    assert found.count("FusedBatchNormV3") == 2
    found = operations(network_of({}), training=True)
    assert found.count("FusedBatchNormV3") == found.count("FusedBatchNormGradV3") == 2
    assert "SquaredDifference" not in found
    found = operations(network_of({}, frozen=True), training=True)
    assert found.count("FusedBatchNormV3") == 2
    assert "SquaredDifference" not in found


def test_layers_are_keras_s_own_again_whatever_happens():
    model = network_of({})
    kinds = [type(layer) for layer in model.layers]

    def fail():
        with fused_norms(model):
            assert [type(layer) for layer in model.layers] != kinds
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [type(layer) for layer in model.layers] == kinds


def test_other_norms_are_left_alone():
    layers = keras.layers
    model = keras.Sequential([layers.Input((4,)), layers.BatchNormalization()])
    synchronized = keras.Sequential(
        [layers.Input((4, 4, 3)), layers.BatchNormalization(synchronized=True)]
    )
    for one in (model, synchronized, network_of({"axis": 1}), network_of({"renorm": True})):
        kinds = [type(layer) for layer in one.layers]
        with fused_norms(one):
            assert [type(layer) for layer in one.layers] == kinds
