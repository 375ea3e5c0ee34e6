"""The layers of a segmentation behind a base: neck, the sum of its maps, the scene, the edges."""

from keras_transfer.backend import load_keras
from keras_transfer.tasks.common.pyramid import CHANNELS, convolution, pyramid, resized, separable

DETAIL = 24  # channels of the finest map: it only says where edges are (DeepLabv3+ has 48 of 256)
DECODED = 64  # channels of what is decoded there


def segmentation_head(maps, classes, size, dropout=0.0):
    """The output (b, height, width, k): probabilities of each pixel.

    The maps of the pyramid are summed at stride 8 (Panoptic FPN, arXiv:1901.02446), a vector of
    the whole image is added (global context, as in DeepLabv3, arXiv:1706.05587), and the map of
    stride 4 joins with few channels (DeepLabv3+, arXiv:1802.02611): in the pyramid it would take
    half of the training and of the predicting.

    Args:
        maps: of the base at `tasks.segmentation.STRIDES`; classes: k.
        size: (height, width) of the images; dropout: of the channels before the last layer.
    """
    layers = load_keras().layers
    fine, *coarse = maps
    found = pyramid(coarse)
    parts = [found[0]]
    for place, one in enumerate(found[1:], start=1):
        parts.append(resized(one, found[0], f"head_enlarge_{place}"))
    scene = layers.GlobalAveragePooling2D(keepdims=True, name="head_scene")(found[-1])
    scene = layers.Conv2D(CHANNELS, 1, activation="relu", name="head_scene_conv")(scene)
    parts.append(resized(scene, found[0], "head_scene_everywhere"))
    x = layers.Add(name="head_sum")(parts)
    x = separable(x, CHANNELS, "head_mix")
    x = resized(convolution(x, DECODED, 1, "head_narrow"), fine, "head_enlarge_sum")
    detail = convolution(fine, DETAIL, 1, "head_detail")
    x = layers.Concatenate(name="head_join")([x, detail])
    x = separable(x, DECODED, "head_last")
    if dropout:
        x = layers.SpatialDropout2D(dropout, name="head_dropout")(x)
    x = layers.Conv2D(classes, 1, name="head_logits")(x)
    x = layers.Resizing(*size, interpolation="bilinear", name="head_whole", dtype="float32")(x)
    return layers.Activation("softmax", name="output", dtype="float32")(x)
