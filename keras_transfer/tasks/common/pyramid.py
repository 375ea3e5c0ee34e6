"""A path aggregation network over feature maps of a base, light enough for a phone.

Top-down with the meaning of coarse maps, bottom-up with the places of fine ones (PANet,
arXiv:1803.01534), in depthwise-separable convolutions (as NanoDet has them).
"""

from keras_transfer.backend import load_keras

CHANNELS = 96
MOMENTUM = 0.97  # of batch norms: small sets have few steps, Keras's 0.99 lags behind


def pyramid(maps, channels=CHANNELS):
    """As many maps as are given, of the same sizes, each with `channels`.

    Args:
        maps: feature maps of a base, the finest first.
    """
    layers = load_keras().layers
    # stored maps are not standardised: their deviation is 2 to 6 (measured on EfficientNet-Lite0)
    found = [
        convolution(one, channels, 1, f"neck_lateral_{place}") for place, one in enumerate(maps)
    ]
    for place in range(len(maps) - 2, -1, -1):
        coarse = resized(found[place + 1], found[place], f"neck_up_{place}")
        joined = layers.Add(name=f"neck_down_sum_{place}")([found[place], coarse])
        found[place] = separable(joined, channels, f"neck_down_{place}")
    for place in range(1, len(maps)):
        fine = layers.DepthwiseConv2D(
            3, strides=2, padding="same", use_bias=False, name=f"neck_shrink_{place}"
        )(found[place - 1])
        joined = layers.Add(name=f"neck_up_sum_{place}")([found[place], fine])
        found[place] = separable(joined, channels, f"neck_up_{place}_out")
    return found


def convolution(x, channels, size, name, activation="relu"):
    """A convolution with batch normalisation."""
    layers = load_keras().layers
    x = layers.Conv2D(channels, size, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm")(x)
    return layers.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def separable(x, channels, name):
    """A depthwise convolution and a pointwise one."""
    layers = load_keras().layers
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depth")(x)
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_depth_norm")(x)
    x = layers.Activation("relu", name=f"{name}_depth_relu")(x)
    return convolution(x, channels, 1, name)


def resized(x, like, name):
    """A map brought to the size of another, bilinearly: one operation on a phone."""
    rows, columns = like.shape[1:3]
    layer = load_keras().layers.Resizing(rows, columns, interpolation="bilinear", name=name)
    return layer(x)
