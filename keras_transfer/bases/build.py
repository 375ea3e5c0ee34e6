"""Build a base: raw pixels in, last feature map out, one flat functional model."""

import functools
import warnings

from keras_transfer.backend import load_keras
from keras_transfer.bases.conv4 import build_conv4, conv4_features
from keras_transfer.bases.efficientnet_lite import SCALES, build_efficientnet_lite, lite_features
from keras_transfer.bases.names import class_names, flat_operations, fresh_names
from keras_transfer.bases.scaling import scale_pixels
from keras_transfer.bases.table import Base, find_base
from keras_transfer.bases.taps import tap_layers
from keras_transfer.bases.weights import download_imagenet, load_bundled, load_path
from keras_transfer.errors import UserError
from keras_transfer.inputs import find_modality
from keras_transfer.inputs.image import check_size, sides

# families with what `flatten` dissolves: scaling of their own, models inside, sums without a layer
COPIED = {"efficientnet", "convnext"}

# networks of our own, by application: (shape of the pixels -> network, scaled pixels -> features)
OWN = {
    name: (
        functools.partial(build_efficientnet_lite, name),
        functools.partial(lite_features, name),
    )
    for name in SCALES
} | {"Conv4": (build_conv4, conv4_features)}


def build_base(name, image_size=None, weights="auto", inputs=None, strides=()):
    """The base `name` as a flat `keras.Model` from raw RGB pixels to its last feature map.

    Args:
        name: a key of BASES, or a `keras.Model` of the user's own, which is copied.
        image_size: (height, width) in pixels, or one number for a square; by default what the
            weights were trained at.
        weights: auto (bundled where the base has bundled weights, else imagenet; none where
            nobody publishes any), imagenet, none (random), or a path: .weights.h5, .h5, .keras, or
            a run folder.
        inputs: InputSpec of what goes in, in place of `image_size`.
        strides: of the feature maps that are wanted, where it is not the last one: a file need not
            hold what comes after them.

    Returns:
        pixels (batch, height, width, 3) float32 in 0..255 -> (batch, rows, columns,
        feature_size). Layers: "pixels", then those named "scale...", then the base's own
        under the names of a fresh Keras session, in every build alike.

    Raises:
        UserError: an unknown name, a size under the base's minimum, weights that cannot be
            had, read, or that do not fit.
    """
    if not isinstance(name, str):
        return build_own(name)
    base = find_base(name)
    size = find_size(name, inputs.tensors[0].shape[:2] if inputs else image_size)
    if weights == "auto":
        weights = base.weights
    named = weights in {"bundled", "imagenet", "none"}
    if weights != "none" and named and base.weights == "none":
        found, advice = f"--weights {weights}", "Use --weights auto, none, or a path"
        raise UserError(f"there are no pretrained weights of {name}", found, advice)
    if named and base.application in OWN:
        return _build_ours(base, name, size, weights)
    if weights == "bundled":
        raise UserError(f"{name} has no bundled weights", weights, "Use imagenet")
    if named and base.family not in COPIED:
        pixels = load_keras().Input((*size, 3), name="pixels")
        bare = _build_application(base, name, size, weights, scale_pixels(pixels, base.scaling))
        return _renamed(pixels, bare, name)
    bare = _build_application(base, name, size, weights if named else "none")
    wanted = None if named or not strides else _wanted_layers(bare, name, size, strides)
    trained = None if named else load_path(bare, name, weights, wanted)
    return flatten(bare, name, size, trained or base.scaling)


def _wanted_layers(bare, name, size, strides):
    """The names of the layers up to the feature maps at `strides`."""
    body = flatten(bare, name, size, find_base(name).scaling)
    names = [layer.name for layer in body.layers]
    return set(names[: 1 + max(map(names.index, tap_layers(body, strides).values()))])


def _build_application(base, name, size, weights, scaled=None):
    """`build_bare` with weights: imagenet (downloaded) or none."""
    build = functools.partial(build_bare, base, size, scaled=scaled)
    return download_imagenet(name, build) if weights == "imagenet" else build()


def _renamed(pixels, bare, name):
    """What `flatten` gives, for a flat network that was built on `pixels`: nothing is copied."""
    operations = flat_operations(bare)
    names = fresh_names([op.name for op in operations], class_names(operations))
    for operation in operations:
        operation.name = names[operation.name]
    return load_keras().Model(pixels, bare.output, name=name)


def _build_ours(base, name, size, weights):
    """As `flatten(build_bare(...))`, in half the time: these layers are ours."""
    keras = load_keras()
    pixels = keras.Input((*size, 3), name="pixels")
    scaled = scale_pixels(pixels, base.scaling)
    model = keras.Model(pixels, OWN[base.application][1](scaled), name=name)
    if weights != "none":
        load_bundled(model, base)
    return model


def find_size(name, image_size=None):
    """(height, width) that the base `name` sees: `image_size`, by default its own."""
    return check_size(find_base(name), name, image_size)


def build_bare(base, image_size, weights=None, scaled=None):
    """The network of the row `base` as its makers build it: scaled pixels in, no top.

    `scaled` is the tensor of scaled pixels that it goes on from, by default an input of its own.
    """
    shape = (*sides(image_size), 3)
    if base.application in OWN:
        return OWN[base.application][0](shape)
    application = getattr(load_keras().applications, base.application)
    with warnings.catch_warnings():
        # MobileNet remarks that it takes the weights of 224 pixels for other sizes: as wanted.
        warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
        return application(
            weights=weights,
            include_top=False,
            input_shape=shape,
            input_tensor=scaled,
            **dict(base.arguments),
        )


def flatten(bare, name, image_size, scaling):
    """A copy of `bare` with its weights: raw pixels in, scaled outside, nested models dissolved.

    What `bare` itself does to pixels (Rescaling, Normalization) is left out.
    """
    keras = load_keras()
    pixels = keras.Input((*sides(image_size), 3), name="pixels")
    own_scaling = (keras.layers.Rescaling, keras.layers.Normalization)
    output = _copy_flat(bare, [pixels], scale_pixels(pixels, scaling), own_scaling)
    return keras.Model(pixels, output, name=name)


def build_own(model):
    """A flat copy of a user's own network, raw inputs in, feature map out; its weights are kept."""
    keras = load_keras()
    inputs = [keras.Input(t.shape[1:], dtype=t.dtype, name=t.name) for t in model.inputs]
    return keras.Model(inputs, _copy_flat(model, inputs), name=model.name)


def own_base(model):
    """The row of the table for a user's own network; nothing is known of its parts."""
    shape = model.inputs[0].shape
    size = shape[1] if len(shape) == 4 else 1
    count, width = model.count_params(), model.output.shape[-1]
    return Base("", (), size, 1, "none", width, "all", (), count, None, "", "own", "none")


def describe_base(base):
    """The row of a base: by its name, or of a `keras.Model`."""
    return find_base(base) if isinstance(base, str) else own_base(base)


def input_spec(config):
    """The InputSpec that a TrainConfig asks for."""
    return find_modality(config.modality).spec(describe_base(config.base), config)


def is_untrained(base, weights):
    """Whether a base starts from random weights.

    Args:
        base: a name, or a `keras.Model`; weights: what `--weights` holds.
    """
    unknown = weights == "auto" and isinstance(base, str) and find_base(base).weights == "none"
    return weights == "none" or unknown


def _copy_flat(bare, inputs, start=None, without=()):
    """The output of a copy of `bare`, its weights too, on `inputs`; nested models are dissolved.

    Layers are copied, not shared: a layer that is called twice has two outputs, and `layer.output`
    the wrong one.

    Args:
        start: the tensor that stands for the first input, where that is not the input itself.
        without: classes of layers that are passed over.
    """
    keras = load_keras()
    operations = flat_operations(bare)
    names = fresh_names([op.name for op in operations], class_names(operations))
    copies = []

    def copy(operation):
        if isinstance(operation, without):
            return []
        if isinstance(operation, keras.Sequential):
            return [one for layer in operation.layers for one in copy(layer)]
        made = _copy_operation(operation, names[operation.name])
        copies.append((operation, made))
        return [made]

    def call(steps, first, *others, **keywords):
        first = start if start is not None and first is inputs[0] else first
        if len(steps) != 1:  # left out, or a Sequential: its mask is not its layers' argument
            keywords = {}
        for step in steps:
            if others and isinstance(step, keras.layers.Add):
                first, others = [first, *others], ()
            first = step(first, *others, **keywords)
        return first

    if isinstance(bare, keras.Sequential):
        bare = keras.Model(bare.inputs[0], bare.outputs[0])
    clone = keras.models.clone_model(
        bare,
        input_tensors=keras.tree.pack_sequence_as(bare.input, inputs),
        clone_function=copy,
        call_function=call,
    )
    for original, made in copies:
        if isinstance(original, keras.layers.Layer):
            made.set_weights(original.get_weights())
    return clone.output if len(clone.outputs) > 1 else clone.outputs[0]


def _copy_operation(operation, name):
    """A new layer of the same settings; the sum of two tensors becomes a layer with a name.

    ConvNeXt adds with `+`, which makes no layer; its stages end there, so they need one.
    """
    keras = load_keras()
    layer = isinstance(operation, keras.layers.Layer)
    summands = operation._inbound_nodes[0].parent_nodes
    if not layer and type(operation).__name__ == "Add" and len(summands) == 2:
        return keras.layers.Add(name=name)
    return type(operation).from_config({**operation.get_config(), "name": name})
