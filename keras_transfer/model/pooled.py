"""The pooled features of a model: one vector an example, what the layers of its head begin with."""

from keras_transfer.backend import load_keras

POOL = "pool"  # the layer of `tasks.common.head`


def has_pooled_features(model):
    """Whether a model, or what lies above a cut of it, computes pooled features."""
    return POOL in [layer.name for layer in model.layers]


def pooled_features(model):
    """The `keras.Model` from the same inputs to the pooled features (n, f)."""
    return load_keras().Model(model.input, _pooled(model), name=f"{model.name}_pooled")


def with_pooled_features(model):
    """The `keras.Model` from the same inputs to its outputs and, as the last, pooled features."""
    outputs = [*model.outputs, _pooled(model)]
    return load_keras().Model(model.input, outputs, name=f"{model.name}_with_pooled")


def _pooled(model):
    """The tensor: of this model's own graph, since a layer above a cut stands in two."""
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]
    return next(node.outputs[0] for node in nodes if node.operation.name == POOL)
