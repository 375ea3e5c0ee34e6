"""Tiny networks and images that they tell apart."""

from pathlib import Path

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.export import open_export, write_format
from keras_transfer.export.common.network import Network
from keras_transfer.inputs import InputSpec, Tensor
from keras_transfer.model.float32_copy import float32_copy
from keras_transfer.model.spec import ModelSpec
from keras_transfer.tasks import find_task

NAMES = ["ants", "bees", "größere Käfer"]
SIZE = 16
OUTPUT = {"classification": "softmax", "multilabel": "sigmoid", "regression": "linear"}


def image_spec(size=SIZE, resize="squeeze", max_pixels=10**8):
    settings = {"image_size": size, "resize": resize, "max_pixels": max_pixels}
    return InputSpec("image", (Tensor("pixels", (size, size, 3), "uint8"),), settings)


def spec(task="classification", resize="squeeze", size=SIZE, names=NAMES):
    return ModelSpec(task, tuple(names), "tiny", image_spec(size, resize))


def tiny_model(task="classification", policy="float32", seed=0):
    """A flat network whose predictions differ from example to example."""
    keras = load_keras()
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1, dtype=policy)(pixels)
    x = layers.Conv2D(8, 3, strides=2, padding="same", dtype=policy)(x)
    x = layers.BatchNormalization(dtype=policy)(x)
    x = layers.Activation("relu6", dtype=policy)(x)
    x = layers.DepthwiseConv2D(3, padding="same", dtype=policy)(x)
    x = layers.BatchNormalization(dtype=policy)(x)
    x = layers.Activation("swish", dtype=policy)(x)
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    x = layers.Dropout(0.5, dtype=policy)(x)
    x = layers.Dense(3, name="head", dtype=policy)(x)
    prediction = layers.Activation(OUTPUT[task], name="output", dtype="float32")(x)
    model = keras.Model(pixels, prediction)
    liven(model, images(12, seed=9), seed)
    return model


def images(n, size=SIZE, seed=1):
    """uint8 (n, size, size, 3): coloured waves and noise, each its own."""
    rng = np.random.default_rng(seed)
    line = np.linspace(0, 1, size)
    waves = [
        np.sin(rng.uniform(2, 20) * line[:, None, None] + rng.uniform(2, 20) * line[:, None] + c)
        for c in rng.uniform(0, 6, n)
    ]
    colours = rng.uniform(20, 235, (n, 1, 1, 3)) + 60 * np.array(waves) * rng.uniform(
        -1, 1, (n, 1, 1, 3)
    )
    return np.clip(colours + rng.normal(0, 15, (n, size, size, 3)), 0, 255).astype(np.uint8)


def liven(model, pixels, seed=0):
    """Random batch norms that fit the network, and a head that tells the images apart.

    Freshly made deep networks predict alike for everything, and then any file passes a check.
    """
    keras = load_keras()
    rng = np.random.default_rng(seed)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for norm in norms:
        norm.trainable, norm.momentum = True, 0.0
        if norm.scale:  # the Inceptions do without
            norm.gamma.assign(rng.uniform(0.7, 1.3, norm.gamma.shape))
        norm.beta.assign(rng.normal(0, 0.3, norm.beta.shape))
    if norms:
        model(pixels.astype(np.float32), training=True)  # statistics of these examples
    for norm in norms:
        norm.moving_variance.assign(norm.moving_variance * rng.uniform(0.8, 1.25, norm.beta.shape))
    head = model.get_layer("head")
    features = keras.Model(model.input, head.input).predict(pixels, verbose=0).astype(np.float64)
    kernel = rng.normal(size=head.kernel.shape)
    kernel *= 2.0 / (features @ kernel).std(axis=0)
    head.set_weights([kernel, -(features @ kernel).mean(axis=0)])


def predictions(model, pixels):
    return float32_copy(model).predict(pixels, verbose=0)


def export_model(model, name, folder, about, pixels, expected, sample=None):
    """What the report of one written format holds."""
    return write_format(Network(model, about), name, folder, pixels, expected, sample)[1]


def predict_file(path, pixels):
    """What an exported file predicts."""
    return open_export(Path(path)).runtime(pixels)


def check_export(path, pixels, expected, task="classification"):
    """How far a file's predictions are from those expected."""
    return difference(predict_file(path, pixels), expected, task)


def difference(found, expected, task):
    """`Task.difference` of predictions (n, k)."""
    kind = find_task(task).from_outputs(tuple(map(str, range(np.shape(expected)[1]))))
    return kind.difference(expected, found)
