"""Layers of a head that predicts one vector: pool -> hidden -> head -> output."""

from keras_transfer.backend import load_keras
from keras_transfer.errors import unknown_name

POOLINGS = {  # by the rank of the base's last feature map, the batch included
    "avg": {4: "GlobalAveragePooling2D", 3: "GlobalAveragePooling1D"},
    "max": {4: "GlobalMaxPooling2D", 3: "GlobalMaxPooling1D"},
    "flatten": {4: "Flatten", 3: "Flatten"},
}


def vector_logits(feature_map, settings, outputs):
    """The logits (batch, outputs) of a head with the layers `pool`, `hidden_N` and `head`."""
    keras = load_keras()
    x = pool(feature_map, settings.pooling)
    if settings.dropout:
        x = keras.layers.Dropout(settings.dropout, name="dropout")(x)
    for number, units in enumerate(settings.hidden_units, start=1):
        x = keras.layers.Dense(units, activation="relu", name=f"hidden_{number}")(x)
        if settings.dropout:
            x = keras.layers.Dropout(settings.dropout, name=f"dropout_{number}")(x)
    return keras.layers.Dense(outputs, name="head")(x)


def pool(feature_map, pooling):
    """A feature map as one vector an example; what is one already stays so."""
    if pooling not in POOLINGS:
        raise unknown_name("pooling", pooling, POOLINGS)
    layers = load_keras().layers
    rank = len(feature_map.shape)
    if rank == 2:
        return layers.Activation("linear", name="pool")(feature_map)
    return getattr(layers, POOLINGS[pooling][rank])(name="pool")(feature_map)


def activate(logits, activation):
    """The output layer; float32 also under mixed precision: sums over classes need the digits."""
    layer = load_keras().layers.Activation(activation, name="output", dtype="float32")
    return layer(logits)
