"""What methods of explanation look at in a network, and how their maps are scaled."""

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import as_tuple, batches

# examples at once: a Functional model keeps all its activations to the end, 110 MB each of VGG16
BATCH_SIZE = 8


def score_tensor(model):
    """The KerasTensor whose largest value is explained: the logits of the layer `head`.

    After softmax a class could gain only by others losing. A network without `head` is explained
    by its first output.
    """
    if "head" in [layer.name for layer in model.layers]:
        return model.get_layer("head").output
    return model.outputs[0]


def choose_outputs(scores, outputs=None):
    """Which score of each example is explained, int64 (n,).

    Args:
        scores: (n, k), of `score_tensor`.
        outputs: a position in 0..k-1, or one for each example; by default the largest score's.

    Raises: UserError for a position that there is not.
    """
    if outputs is None:
        return scores.argmax(axis=1)
    outputs = np.broadcast_to(np.asarray(outputs, np.int64), len(scores))
    wrong = outputs[(outputs < 0) | (outputs >= scores.shape[1])]
    if len(wrong):
        raise UserError(
            "no such output to explain", wrong[0], f"Allowed: 0 to {scores.shape[1] - 1}"
        )
    return outputs


def image_input(inputs):
    """(position, array) of the first input with rows and columns: (n, height, width, channels)."""
    for position, array in enumerate(as_tuple(inputs)):
        if np.ndim(array) == 4:
            return position, array
    found = [np.shape(array)[1:] for array in as_tuple(inputs)]
    raise UserError("only what has rows and columns can be explained by a map", found)


def run_eagerly(network, inputs):
    """Outputs of a network as a flat list of arrays float32 (n, ...), without compiling a graph.

    For a few examples: tracing a deep network takes longer than running it on dozens.
    """
    keras, parts = load_keras(), []
    for batch in batches(inputs, BATCH_SIZE):
        arrays = list(as_tuple(batch))
        outputs = keras.tree.flatten(network(pack_arrays(network, arrays), training=False))
        parts.append([keras.ops.convert_to_numpy(keras.ops.cast(o, "float32")) for o in outputs])
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def pack_arrays(network, arrays):
    """The list `arrays`, one for each input, as the network is called with them."""
    keras = load_keras()
    dtypes = ["float32" if "float" in tensor.dtype else tensor.dtype for tensor in network.inputs]
    cast = [np.asarray(array, dtype) for array, dtype in zip(arrays, dtypes, strict=True)]
    return keras.tree.pack_sequence_as(network.input, cast)


def scale_maps(maps):
    """Maps (n, h, w) as float32 in 0..1, each map's largest value 1; what speaks against is 0."""
    maps = np.maximum(np.asarray(maps, np.float32), 0)
    largest = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, largest, out=np.zeros_like(maps), where=largest > 0)


def resize_maps(maps, height, width, smooth=True):
    """Maps (n, h, w) in 0..1 at another size.

    Args:
        smooth: bicubic, since bilinear shows the cells as crosses; else bilinear.
    """
    if maps.shape[1:] == (height, width):
        return maps
    from PIL import Image

    way = Image.Resampling.BICUBIC if smooth else Image.Resampling.BILINEAR
    resized = [Image.fromarray(one).resize((width, height), way) for one in maps]
    return np.stack([np.asarray(one, np.float32) for one in resized]).clip(0, 1)
