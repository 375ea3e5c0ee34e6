"""How raw RGB pixels 0..255 become what a base's weights expect, as layers inside the model."""

from typing import NamedTuple

from keras_transfer.backend import load_keras

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of pixels 0..1, RGB (keras imagenet_utils, mode "torch")
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)  # of pixels 0..255, BGR (imagenet_utils, mode "caffe")


class Scaling(NamedTuple):
    """channel -> scale * channel + offset, after the channels were turned round or not."""

    scale: tuple
    offset: tuple
    blue_first: bool = False


SCALINGS = {
    "none": Scaling((1.0,) * 3, (0.0,) * 3),
    "unit": Scaling((1 / 255,) * 3, (0.0,) * 3),
    "signed": Scaling((1 / 127.5,) * 3, (-1.0,) * 3),
    "signed_128": Scaling((1 / 128,) * 3, (-1.0,) * 3),  # efficientnet_v2.py, S, M and L
    "torch": Scaling(
        tuple(1 / (255 * deviation) for deviation in IMAGENET_DEVIATION),
        tuple(-m / d for m, d in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)),
    ),
    "caffe": Scaling((1.0,) * 3, tuple(-mean for mean in CAFFE_MEAN), blue_first=True),
    "lite": Scaling((1 / 128,) * 3, (-127 / 128,) * 3),  # efficientnet_lite_builder.py
}


def scale_pixels(pixels, scaling):
    """The Keras tensor `pixels` as `scaling`, a key of SCALINGS, wants it.

    Only Keras's own layers and operations: a `.keras` file reloads without this package, and
    TFLite and ONNX have both as built-ins (a gather and a multiply-add). `Normalization` would
    not: it breaks the export to ONNX.
    """
    keras = load_keras()
    kind = SCALINGS[scaling]
    if kind.blue_first:
        pixels = keras.ops.take(pixels, [2, 1, 0], axis=-1)
        pixels._keras_history.operation.name = "scale_blue_first"
    return keras.layers.Rescaling(_plain(kind.scale), _plain(kind.offset), name="scale")(pixels)


def _plain(numbers):
    """One number where all channels have the same, else a list.

    XNNPACK multiplies by a list in steps of three numbers: a quarter of the time of
    EfficientNet-Lite0 in int8, 8 % in float32 (`benchmarks/tflite_choices.py`).
    """
    return numbers[0] if len(set(numbers)) == 1 else list(numbers)
