"""The four-block network of the few-shot papers in plain Keras layers; nobody publishes weights.

Four times: 3x3 convolution to 64 channels, batch normalisation, ReLU, 2x2 max pooling
(arXiv:1606.04080, section 4.1.1; arXiv:1703.05175; arXiv:1703.03400). At its 28 pixels the last
feature map is one place of 64 numbers. The convolutions have no bias: the norms have one.
"""

from keras_transfer.backend import load_keras

BLOCKS, WIDTH = 4, 64
EPSILON = 1e-5  # of every batch normalisation, as in the authors' code of prototypical networks


def build_conv4(input_shape):
    """The bare network on scaled pixels (height, width, 3)."""
    pixels = load_keras().Input(input_shape)
    return load_keras().Model(pixels, conv4_features(pixels), name="conv4")


def conv4_features(pixels):
    """The last feature map for the Keras tensor of scaled `pixels`."""
    layers, x = load_keras().layers, pixels
    for number in range(1, BLOCKS + 1):
        name = f"block{number}_"
        x = layers.Conv2D(WIDTH, 3, padding="same", use_bias=False, name=f"{name}conv")(x)
        x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}bn")(x)
        x = layers.ReLU(name=f"{name}relu")(x)
        x = layers.MaxPooling2D(name=f"{name}pool")(x)
    return x
