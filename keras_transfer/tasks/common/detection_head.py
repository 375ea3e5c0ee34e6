"""The layers of an anchor-free detector behind a base: neck, then a branch for boxes and scores."""

import math

from keras_transfer.backend import load_keras
from keras_transfer.tasks.common.pyramid import CHANNELS, pyramid, separable

EXPECTED = 0.01  # share of cells that see an object, before anything is learned (RetinaNet)
CELLS = 4.0  # sides of a box, in cells, before anything is learned


def detection_head(maps, classes, dropout=0.0):
    """The output (b, n, 4 + k): a location (`anchors`) and the probabilities of each cell.

    The layers "location" (b, n, 4) and "score" (b, n, k) give both parts.

    Args:
        maps: of the base at `anchors.STRIDES`; classes: k; dropout: of the maps' channels.
    """
    layers, initializers = load_keras().layers, load_keras().initializers
    first = initializers.RandomNormal(stddev=0.01)
    sides = initializers.Constant([0.0, 0.0, CELLS, CELLS])  # in the middle, some cells wide
    rare = initializers.Constant(-math.log((1 - EXPECTED) / EXPECTED))
    locations, scores = [], []
    for place, one in enumerate(pyramid(maps)):
        one = (
            layers.SpatialDropout2D(dropout, name=f"head_dropout_{place}")(one) if dropout else one
        )
        boxes = separable(one, CHANNELS, f"head_boxes_{place}")
        boxes = layers.Conv2D(
            4, 1, kernel_initializer=first, bias_initializer=sides, name=f"head_location_{place}"
        )(boxes)
        locations.append(layers.Reshape((-1, 4), name=f"head_location_flat_{place}")(boxes))
        kinds = separable(one, CHANNELS, f"head_classes_{place}")
        kinds = layers.Conv2D(
            classes, 1, kernel_initializer=first, bias_initializer=rare, name=f"head_score_{place}"
        )(kinds)
        scores.append(layers.Reshape((-1, classes), name=f"head_score_flat_{place}")(kinds))
    location = _joined(locations, "location", "linear")
    score = _joined(scores, "score", "sigmoid")
    return layers.Concatenate(axis=-1, name="output", dtype="float32")([location, score])


def _joined(parts, name, activation):
    """The cells of all maps, one after the other; float32 also under mixed precision."""
    layers = load_keras().layers
    joined = layers.Concatenate(axis=1, name=f"{name}_cells")(parts)
    return layers.Activation(activation, name=name, dtype="float32")(joined)
