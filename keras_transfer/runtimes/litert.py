"""Networks as TFLite flatbuffers, and LiteRT (XNNPACK) running them on every core of a CPU."""

import os
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_transfer.backend import load_tensorflow, quiet_stderr
from keras_transfer.environment import cores
from keras_transfer.errors import UserError

COPIES = 2**29  # bytes of weights, in all interpreters together
SMALL = 2**26  # bytes of weights that the converter may fold into the graph


def convert(network, prediction="features", settings=None):
    """The flatbuffer (bytes) of a float32 network; UserError for an operation TFLite lacks.

    Args:
        network: a `keras.Model` with one input and one output; answer: what the output is called.
        settings: function (tensorflow, converter) that sets what else is wanted of the converter.
    """
    return convert_traced(trace(network, prediction), network.weights, settings)


def trace(network, prediction="features", any_size=False):
    """The TensorFlow function of a network: pixels float32 (n, s, s, 3) -> {answer: (n, ...)}.

    With `any_size` pixels are (n, height, width, 3) and resized inside, bilinearly without
    antialiasing: of the operations for it, TFLite has only that one.
    """
    tf = load_tensorflow()
    shape = network.input_shape

    def serve(pixels):
        if any_size:
            pixels = tf.ensure_shape(tf.image.resize(pixels, shape[1:3]), shape)
        return {prediction: network(pixels, training=False)}

    signature = tf.TensorSpec((None, None, None, 3) if any_size else shape, tf.float32, "pixels")
    with quiet_stderr():
        return tf.function(serve, autograph=False).get_concrete_function(signature)


def convert_traced(traced, weights=(), settings=None):
    """`convert` for a function that was traced before.

    The converter gets the function and its variables, and writes a SavedModel of its own. Without
    `weights` they are folded into the graph, and the file has no signature: small networks take
    1 s so in place of 2.5, but VGG16 with two hidden layers of 4096 takes 80 s and 17 GB in place
    of 16 s and 5 GB.
    """
    tf = load_tensorflow()
    data, error = _convert_quietly(tf, traced, weights, settings)
    if error is not None:
        raise _cannot_convert(error)
    return data


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
    return 4 * network.count_params() <= SMALL


def _convert_quietly(tf, traced, weights, settings):
    """(bytes, None), or (None, the converter's error): its hundreds of lines are held back."""
    with quiet_stderr():
        try:
            return converter_for(tf, traced, weights, settings).convert(), None
        except converter_error() as error:
            return None, error


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


class LiteRTEngine:
    """Inputs float32 (n, ...) -> outputs float32 (n, ...).

    Args:
        file: path of a TFLite network.

    One interpreter of one thread a core, an example at a time: on two cores 3.3 times as fast as
    the Keras graph for EfficientNet-Lite0, where one interpreter of two threads is 3.0 times.
    Each packs a copy of the weights, so of a large network there are fewer, with more threads.
    """

    def __init__(self, file):
        from ai_edge_litert.interpreter import Interpreter

        size = max(1, os.path.getsize(file))
        count = min(cores(), max(1, COPIES // size))
        with quiet_stderr():  # it announces its delegate
            self._interpreters = [
                Interpreter(model_path=str(file), num_threads=cores() // count)
                for _ in range(count)
            ]
            for interpreter in self._interpreters:
                interpreter.allocate_tensors()
        self._input = self._interpreters[0].get_input_details()[0]["index"]
        self._output = self._interpreters[0].get_output_details()[0]

    def __call__(self, inputs):
        inputs = np.asarray(inputs, np.float32)
        outputs = np.empty((len(inputs), *self._output["shape"][1:]), np.float32)

        def work(first):
            interpreter = self._interpreters[first]
            for row in range(first, len(inputs), len(self._interpreters)):
                interpreter.set_tensor(self._input, inputs[row : row + 1])
                interpreter.invoke()
                outputs[row] = interpreter.get_tensor(self._output["index"])[0]

        with ThreadPoolExecutor(len(self._interpreters)) as pool:
            list(pool.map(work, range(len(self._interpreters))))
        return outputs
