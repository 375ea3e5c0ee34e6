"""Base and head as one flat model: pixels -> scale -> base -> pool -> hidden -> head -> output."""

from keras_transfer.backend import load_keras
from keras_transfer.bases.build import build_base
from keras_transfer.errors import UserError, unknown_name
from keras_transfer.tasks import find_task

POOLINGS = {
    "avg": "GlobalAveragePooling2D",
    "max": "GlobalMaxPooling2D",
    "flatten": "Flatten",
}


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
    scale=None,
    offset=None,
):
    """A flat `keras.Model` from raw pixels to answers, the base frozen, the head not.

    Args:
        base: a name of `bases.table.BASES`; it becomes the model's name.
        task: classification (softmax), multilabel (sigmoid) or regression (linear).
        outputs: how many classes, labels or numbers.
        hidden_units: widths of ReLU layers between the pooled features and the head.
        dropout: rate after the pooled features and after each hidden layer.
        pooling: avg, max or flatten.
        image_size: pixels a side; by default those of the base.
        weights: auto, imagenet, none or a path (see `bases.build.build_base`).
        scale, offset: of a regression's numbers, one each: output = head * scale + offset.

    Returns:
        Input `pixels` (batch, size, size, 3), RGB 0..255; output (batch, outputs): probabilities,
        or numbers in the unit of the labels. The layer `head` gives their logits.

    Raises:
        UserError: an unknown name, fewer than one output, weights that do not fit.
    """
    keras = load_keras()
    activation = find_task(task).activation
    if outputs < 1:
        raise UserError("a model needs at least one output", outputs)
    body = build_base(base, image_size, weights)
    x = _pool(keras, pooling)(body.output)
    x = _hidden(keras, x, hidden_units, dropout)
    logits = keras.layers.Dense(outputs, name="head")(x)
    prediction = _output(keras, activation, scale, offset)(logits)
    model = keras.Model(body.input, prediction, name=base)
    for layer in base_layers(model):
        layer.trainable = False
        if isinstance(layer, keras.layers.Dropout):
            hold_dropout(layer, True)
    return model


def hold_dropout(layer, held):
    """Switch a base's own dropout off (or on again): `layer.trainable = False` does not do that."""
    if not hasattr(layer, "own_rate"):
        layer.own_rate = layer.rate
    layer.rate = 0.0 if held else layer.own_rate


def _pool(keras, pooling):
    if pooling not in POOLINGS:
        raise unknown_name("pooling", pooling, POOLINGS)
    return getattr(keras.layers, POOLINGS[pooling])(name="pool")


def _hidden(keras, x, hidden_units, dropout):
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    for number, units in enumerate(hidden_units, start=1):
        x = keras.layers.Dense(units, activation="relu", name=f"hidden_{number}")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"dropout_{number}")(x)
    return x


def _output(keras, activation, scale, offset):
    # float32 also under mixed precision: softmax and sums over classes need the digits
    if scale is not None:
        values = {"scale": list(scale), "offset": list(offset)}
        return keras.layers.Rescaling(**values, name="output", dtype="float32")
    return keras.layers.Activation(activation, name="output", dtype="float32")


def base_layers(model):
    """The layers of the base: all before `pool`, input and scaling included."""
    names = [layer.name for layer in model.layers]
    if "pool" not in names:
        raise UserError("this model was not made by build_model", model.name, "It has no `pool`")
    return model.layers[: names.index("pool")]
