"""Base and head as one flat model: inputs -> base -> the task's head."""

from dataclasses import replace

from keras_transfer.backend import load_keras
from keras_transfer.bases.build import build_base
from keras_transfer.bases.taps import tap_layers
from keras_transfer.config import base_name
from keras_transfer.errors import UserError
from keras_transfer.tasks import HeadSettings, find_task


def build_model(
    base,
    task="classification",
    outputs=2,
    hidden_units=(),
    dropout=0.0,
    *,
    pooling="avg",
    image_size=None,
    weights="auto",
    inputs=None,
):
    """A flat `keras.Model` from raw inputs to predictions, the base frozen, the head not.

    Args:
        base: a name of `bases.table.BASES`, or a `keras.Model` of your own (raw inputs in, feature
            map out; it is copied); its name becomes the model's name.
        task: one of `tasks`, or its name: classification (softmax), multilabel (sigmoid),
            regression (linear).
        outputs: how many classes, labels or numbers, where `task` is a name.
        hidden_units: widths of ReLU layers between the pooled features and the head.
        dropout: rate after the pooled features and after each hidden layer.
        pooling: avg, max or flatten.
        image_size: (height, width) in pixels, or one number for a square; by default that of the
            base.
        weights: auto, imagenet, none or a path (see `bases.build.build_base`).
        inputs: InputSpec of what goes in; it decides the size then.

    Returns:
        For images: input `pixels` (batch, size, size, 3), RGB 0..255; output (batch, outputs):
        probabilities, or numbers in the unit of the labels. The layer `head` gives their logits.

    Raises:
        UserError: an unknown name, fewer than one output, weights that do not fit.
    """
    keras = load_keras()
    if isinstance(task, str):
        task = find_task(task).from_outputs(_unnamed(outputs))
    body = build_base(base, image_size, weights, inputs, task.taps)
    taps = list(tap_layers(body, task.taps).values()) if task.taps else []
    tensors = [body.get_layer(name).output for name in taps] or [body.output]
    outputs = task.build_head(tensors, HeadSettings(pooling, tuple(hidden_units), dropout))
    model = keras.Model(body.inputs, outputs, name=base_name(base))
    inside = {layer.name for layer in body.layers}
    model.tap_layers = taps
    model.head_layers = [layer.name for layer in model.layers if layer.name not in inside]
    for layer in base_layers(model):
        layer.trainable = False
        if isinstance(layer, keras.layers.Dropout):
            hold_dropout(layer, True)
    return model


def build_for(dataset, config):
    """`build_model` for a `data.dataset.Dataset` and a TrainConfig."""
    head = {"hidden_units": config.hidden_units, "dropout": config.dropout}
    rest = {"pooling": config.pooling, "weights": config.weights, "inputs": dataset.examples.spec}
    return build_model(config.base, dataset.task, **head, **rest)


def copy_model(model, dataset, config):
    """A model like `model`, which `build_for` made, with its weights, on this device alone."""
    copied = build_for(dataset, replace(config, weights="none"))
    copied.set_weights(model.get_weights())
    for layer, original in zip(copied.layers, model.layers, strict=True):
        layer.trainable = original.trainable
    return copied


def _unnamed(outputs):
    if outputs < 1:
        raise UserError("a model needs at least one output", outputs)
    return tuple(str(number) for number in range(outputs))


def hold_dropout(layer, held):
    """Switch a base's own dropout off (or on again): `layer.trainable = False` does not do that."""
    if not hasattr(layer, "own_rate"):
        layer.own_rate = layer.rate
    layer.rate = 0.0 if held else layer.own_rate


def base_layers(model):
    """The layers of the base, input and scaling included; the head begins with `pool` or anew."""
    names = [layer.name for layer in model.layers]
    head = getattr(model, "head_layers", None)
    if head is None and "pool" not in names:
        raise UserError("this model was not made by build_model", model.name, "It has no `pool`")
    first = names.index("pool") if head is None else min(map(names.index, head))
    return [layer for layer in model.layers[:first] if head is None or layer.name not in head]
