"""Batch norms that trained on episodes, and what they normalise with afterwards."""

import contextlib

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.inputs.common.arrays import as_tuple
from keras_transfer.runtimes.keras import input_dtype, pack_inputs

BATCH = 128  # examples that statistics are taken of at once
MOST = 4096  # examples in all


def trained_norms(network):
    """The batch norms of a network that train: the others keep their statistics."""
    kind = load_keras().layers.BatchNormalization
    return [layer for layer in network.layers if isinstance(layer, kind) and layer.trainable]


@contextlib.contextmanager
def momentum(norms, value):
    """Moving statistics become `value` of the old and the rest of the batch's, while inside."""
    before = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = value
        yield
    finally:
        for norm, old in zip(norms, before, strict=True):
            norm.momentum = old


@contextlib.contextmanager
def twice_differentiable(norms):
    """Batch statistics whose second derivatives are right too, while inside.

    `tf.nn.moments` takes the mean inside the variance as a constant. That does not change a
    gradient, but it does change the gradient of a gradient.
    """
    ops = load_keras().ops

    def exact(norm):
        axes = tuple(norm._reduction_axes)

        def moments(inputs, mask):
            mean = ops.mean(inputs, axes, keepdims=True)
            variance = ops.mean(ops.square(inputs - mean), axes)
            return ops.squeeze(mean, axes), variance

        return moments

    try:
        for norm in norms:
            norm._moments = exact(norm)
        yield
    finally:
        for norm in norms:
            del norm._moments


def estimate_statistics(network, fetch, indices, seed=0):
    """Set the moving statistics of the norms that train to those of training examples.

    Episodes are normalised by their own statistics, and no moving mean of these is taken: they
    differ from episode to episode. What is exported predicts each example on its own, so it needs
    fixed ones: the means over batches of plain training examples, with the weights as they are now.

    Args:
        network: what trained; fetch: see `inputs`; indices: of training examples.
    """
    norms = trained_norms(network)
    order = np.random.default_rng(seed).permutation(indices)[:MOST]
    batches = np.array_split(order, max(1, len(order) // BATCH))
    for number, batch in enumerate(batches if norms else ()):
        arrays = [
            np.asarray(array, input_dtype(tensor))
            for array, tensor in zip(as_tuple(fetch(batch)), network.inputs, strict=True)
        ]
        with momentum(norms, number / (number + 1)):
            network(pack_inputs(network, arrays), training=True)
