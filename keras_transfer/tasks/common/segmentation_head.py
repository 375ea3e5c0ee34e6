"""The layers of a segmentation behind a base: neck, the sum of its maps, and the whole scene."""

from keras_transfer.backend import load_keras
from keras_transfer.tasks.common.pyramid import CHANNELS, convolution, pyramid, resized, separable


def segmentation_head(maps, classes, size, dropout=0.0):
    """The output (b, height, width, k): probabilities of each pixel.

    The maps of the pyramid are summed at the finest size (Panoptic FPN, arXiv:1901.02446), and a
    vector of the whole image is added (global context, as in DeepLabv3, arXiv:1706.05587).

    Args:
        maps: of the base at `tasks.segmentation.STRIDES`; classes: k.
        size: (height, width) of the images; dropout: of the channels before the last layer.
    """
    layers = load_keras().layers
    found = pyramid(maps)
    parts = [found[0]]
    for place, one in enumerate(found[1:], start=1):
        parts.append(resized(one, found[0], f"head_enlarge_{place}"))
    scene = layers.GlobalAveragePooling2D(keepdims=True, name="head_scene")(found[-1])
    scene = layers.Conv2D(CHANNELS, 1, activation="relu", name="head_scene_conv")(scene)
    parts.append(resized(scene, found[0], "head_scene_everywhere"))
    x = layers.Add(name="head_sum")(parts)
    x = separable(x, CHANNELS, "head_mix")
    x = convolution(x, CHANNELS, 1, "head_last")
    if dropout:
        x = layers.SpatialDropout2D(dropout, name="head_dropout")(x)
    x = layers.Conv2D(classes, 1, name="head_logits")(x)
    x = layers.Resizing(*size, interpolation="bilinear", name="head_whole", dtype="float32")(x)
    return layers.Activation("softmax", name="output", dtype="float32")(x)
