"""The gradient of MAML: exact, first order, of the head alone, with either statistics."""

import numpy as np
import pytest

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.config import make_config
from keras_transfer.data.episode_batches import Episode
from keras_transfer.strategies.common.batch_statistics import (
    momentum,
    trained_norms,
    twice_differentiable,
)
from keras_transfer.strategies.maml import MamlLearner


def tiny_network():
    """Smooth, in float64: what finite differences need."""
    keras = load_keras()
    keras.utils.set_random_seed(0)
    layers = keras.layers
    pixels = keras.Input((4, 4, 1), dtype="float64")
    x = layers.Conv2D(3, 3, padding="same", use_bias=False, dtype="float64")(pixels)
    x = layers.BatchNormalization(dtype="float64")(x)
    x = layers.Activation("tanh", dtype="float64")(x)
    x = layers.GlobalAveragePooling2D(name="pool", dtype="float64")(x)
    return keras.Model(pixels, layers.Dense(2, name="head", dtype="float64")(x))


def gradients_of(network, **knobs):
    """(learner, an episode's inputs, its gradients) with two inner steps."""
    config = make_config(strategy="maml", **{"inner_steps": 2, **knobs})
    learner = MamlLearner(network, Episode(2, 2, 3), config)
    pixels = np.random.default_rng(0).normal(size=(10, 4, 4, 1))
    learner.head[0].assign(np.random.default_rng(2).normal(size=(3, 2)))  # as if it had learned
    inputs = [load_tensorflow().constant(pixels)]
    return learner, inputs, [np.asarray(g) for g in learner.gradient(inputs)[2]]


@pytest.fixture
def network():
    made = tiny_network()
    norms = trained_norms(made)
    with momentum(norms, 0.0), twice_differentiable(norms):
        yield made


@pytest.mark.parametrize("statistics", ["query", "support"])
@pytest.mark.parametrize("inner", ["all", "head"])
def test_the_gradient_of_maml_is_that_of_finite_differences(network, statistics, inner):
    learner, inputs, gradients = gradients_of(network, statistics=statistics, inner=inner)
    step, generator = 1e-6, np.random.default_rng(1)
    for variable, gradient in zip(learner.variables, gradients, strict=True):
        value, direction = variable.numpy(), generator.normal(size=variable.shape)
        losses = []
        for sign in (1, -1):
            variable.assign(value + sign * step * direction)
            losses.append(float(learner.gradient(inputs)[0]))
        variable.assign(value)
        slope = (losses[0] - losses[1]) / (2 * step)
        assert slope == pytest.approx((gradient * direction).sum(), abs=1e-8)


def test_first_order_is_another_gradient_of_the_same_loss(network):
    learner, inputs, exact = gradients_of(network, inner_rate=0.4)
    other, _, rough = gradients_of(network, inner_rate=0.4, first_order=True)
    assert float(learner.gradient(inputs)[0]) == pytest.approx(float(other.gradient(inputs)[0]))
    assert max(np.abs(a - b).max() for a, b in zip(exact, rough, strict=True)) > 1e-4


def test_first_order_takes_several_smaller_steps(network):
    made = {
        first: MamlLearner(
            network, Episode(2, 2, 3), make_config(strategy="maml", first_order=first)
        )
        for first in (False, True)
    }
    assert (made[False].inner_rate, made[False].inner_steps) == (0.4, 1)
    assert (made[True].inner_rate, made[True].inner_steps) == (0.1, 5)


@pytest.mark.parametrize(("inner", "moves"), [("all", True), ("head", False)])
def test_anil_moves_only_the_head_inside_an_episode(network, inner, moves):
    learner, inputs, _ = gradients_of(network, inner=inner)
    body = [variable.value for variable in learner.embedding.trainable_variables]
    head = [variable.value for variable in learner.head]
    support, _ = learner._split(inputs, 2)
    body_after, head_after = learner._inner_step(body, head, support, learner._labels(2))
    moved = [bool(np.any(a != b)) for a, b in zip(body, body_after, strict=True)]
    assert any(moved) == moves
    assert all(np.any(a != b) for a, b in zip(head, head_after, strict=True))


def test_statistics_of_the_support_set_predict_each_example_on_its_own(network):
    alike = {}
    for statistics in ("support", "query"):
        learner, inputs, _ = gradients_of(network, statistics=statistics)
        support, queries = learner._split(inputs, 2)
        labels = learner._labels(2)
        whole = learner._adapted_logits(support, queries, labels).numpy()
        alone = learner._adapted_logits(support, [queries[0][:1]], labels).numpy()
        alike[statistics] = np.allclose(whole[:1], alone, atol=1e-10)
    assert alike == {"support": True, "query": False}
