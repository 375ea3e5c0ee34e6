"""Networks as TFLite files."""

import re

from keras_transfer.backend import load_keras, load_tensorflow, quiet_stderr
from keras_transfer.errors import UserError
from keras_transfer.runtimes.keras import pack_inputs

FINISH = "finish"  # begins the names of operations behind the network
FOLDED_LIMIT = 2**26  # bytes of weights that the converter may fold into the graph


def convert(network, outputs="features", settings=None):
    """The flatbuffer (bytes) of a float32 network; UserError for an operation TFLite lacks.

    Args:
        network: a `keras.Model`; outputs: see `trace`.
        settings: function (tensorflow, converter) that sets what else is wanted of the converter.
    """
    return convert_traced(trace(network, outputs), network.weights, settings)


def trace(network, outputs="features", any_size=False, finish=None, batch=None):
    """The TensorFlow function of a network: its inputs -> {name: output (n, ...)}.

    Args:
        network: a `keras.Model`; the names of its inputs stay.
        outputs: a name for each output, in their order; one alone gets a number behind it where
            there are several.
        any_size: the one input, images, is (n, height, width, 3) and resized inside, bilinearly
            without antialiasing: of the operations for it, TFLite has only that one.
        finish: function (tensorflow, list of the network's outputs) that gives those of the
            function; it may be other ones, as many as there are names.
        batch: how many examples at a time, None for any number.
    """
    tf, tree = load_tensorflow(), load_keras().tree
    names = _output_names(outputs, len(network.outputs))

    def serve(*inputs):
        if any_size:
            shape = network.input_shape
            inputs = [tf.ensure_shape(tf.image.resize(inputs[0], shape[1:3]), shape)]
        found = network(pack_inputs(network, list(inputs)), training=False)
        found = tree.flatten(found)
        if finish:
            with tf.name_scope(FINISH):
                found = finish(tf, found)
        return dict(zip(names, found, strict=True))

    takes = [
        tf.TensorSpec(
            (batch, *((None, None, 3) if any_size else one.shape[1:])), one.dtype, one.name
        )
        for one in network.inputs
    ]
    with quiet_stderr():
        return tf.function(serve, autograph=False).get_concrete_function(*takes)


def _output_names(outputs, count):
    if not isinstance(outputs, str):
        return tuple(outputs)
    return (outputs,) if count == 1 else tuple(f"{outputs}_{place:02}" for place in range(count))


def convert_traced(traced, weights=(), settings=None):
    """`convert` for a function that was traced before.

    The converter gets the function and its variables, and writes a SavedModel of its own. Without
    `weights` they are folded into the graph, and the file has no signature, so that outputs are in
    the alphabetical order of their names: small networks take 1 s so in place of 2.5, but VGG16
    with two hidden layers of 4096 takes 80 s and 17 GB in place of 16 s and 5 GB.
    """
    tf, expected = load_tensorflow(), converter_error()
    try:
        with quiet_stderr(expected=expected):  # it writes hundreds of lines
            return converter_for(tf, traced, weights, settings).convert()
    except expected as error:
        raise _cannot_convert(error) from error


def converter_for(tf, traced, weights=(), settings=None):
    """The `tf.lite.TFLiteConverter` of a traced function, limited to built-in operations."""
    holder = tf.Module()
    holder.variables_ = [weight.value for weight in weights]
    holder = holder if weights else None
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], holder)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if settings is not None:
        settings(tf, converter)
    return converter


def is_small(network):
    """Whether a network is converted in about a second: those for phones are."""
    return 4 * network.count_params() <= FOLDED_LIMIT


def converter_error():
    """The class of what the converter raises; it derives from nothing but Exception."""
    from tensorflow.lite.python.convert import ConverterError

    return ConverterError


def _cannot_convert(error):
    text = str(error)
    listed = re.search(r"(?:Flex|Custom) ops: ([\w, ]+)", text)
    found = listed.group(1).replace("Flex", "") if listed else text.strip().splitlines()[0]
    advice = "Export this model as a SavedModel, or build it without this layer"
    return UserError("TFLite has no such operation", found, advice)
