"""A network with the ranges of its activations measured: int8 files are made of it."""

import csv
import io
import math
import warnings

import numpy as np

from keras_transfer.backend import load_tensorflow, quiet_stderr
from keras_transfer.runtimes.conversion import FINISH, convert_traced

LIGHT = 0.01  # of the weights: in float, a layer of so many adds 3 % to an int8 file
EXAMINED = 16  # examples to measure how much each layer loses
WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}


class Calibrated:
    """A traced network, and what its activations reach on some examples.

    Args:
        traced: function of `runtimes.conversion.trace`; weights: the network's.
        examples: uint8 (n, s, s, 3).

    Raises:
        UserError: see `runtimes.conversion.convert_traced`.
        RuntimeError, ValueError: it cannot be calibrated.
    """

    def __init__(self, traced, weights, examples):
        def settings(tf, converter):
            set_int8(tf, converter, examples)
            converter._experimental_calibrate_only = True

        self._content = convert_traced(traced, weights, settings)
        self._examined = examples[:EXAMINED]
        self._layers = None

    def quantise(self, float_layers=0):
        """An int8 file (bytes), the `float_layers` most sensitive of its light layers in float.

        What comes behind the network (`Task.finish_in_graph`) stays in float, too: the 256 steps of
        a box's sides would be pixels wide.

        Heavy ones stay in int8: MobileNet's three most sensitive layers in float make its file
        twice as large, and three light ones in their place lose no more.
        """
        if float_layers and self._layers is None:
            self._layers = self._rank()
        kept = self._layers[:float_layers] if float_layers else []
        return _quantise(self._content, [*kept, *_finishing(self._content)] or None)

    def _rank(self):
        """Names of the light layers' tensors, first the one whose error is largest for its step."""
        tf = load_tensorflow()
        with quiet_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it still runs TensorFlow's own interpreter
            debugger = tf.lite.experimental.QuantizationDebugger(
                quant_debug_model_content=_quantise(self._content, verify=True),
                debug_dataset=lambda: ([one[None].astype(np.float32)] for one in self._examined),
            )
            debugger.run()
        text = io.StringIO()
        debugger.layer_statistics_dump(text)
        text.seek(0)
        rows = sorted(csv.DictReader(text), key=_error, reverse=True)
        heavy = _heavy_layers(self._content)
        return [row["tensor_name"] for row in rows if row["tensor_name"] not in heavy]


def set_int8(tf, converter, examples, activations=8):
    """Ask a converter for a network of int8 with ranges measured on examples.

    Args:
        activations: their bits, 8 (the input is uint8) or 16 (the input is float32).
    """
    kinds = tf.lite.OpsSet
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    # all of 0..255 is measured, whatever these examples have of it: the file reads plain pixels
    whole = examples[:1].copy()
    whole[0, 0, 0], whole[0, -1, -1] = 0, 255
    examples = np.concatenate([whole, examples])
    converter.representative_dataset = lambda: ([one[None].astype(np.float32)] for one in examples)
    if activations == 16:
        wide = kinds.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [wide, kinds.TFLITE_BUILTINS]
        return
    converter.target_spec.supported_ops = [kinds.TFLITE_BUILTINS_INT8]
    converter.inference_input_type, converter.inference_output_type = tf.uint8, tf.float32


def _quantise(content, float_layers=None, verify=False):
    """An int8 file of a calibrated network; with `verify` one that measures its own errors."""
    from tensorflow.lite.python.convert import mlir_quantize

    tf = load_tensorflow()
    with quiet_stderr():
        return mlir_quantize(
            content,
            input_data_type=tf.float32 if verify else tf.uint8,
            enable_numeric_verify=verify,
            denylisted_nodes=float_layers,
        )


def _finishing(content):
    """Names of the tensors that come out of operations behind the network."""
    behind, names = set(), []
    tensors, operations = _operations(content)
    for operation in operations:  # each comes after those that it depends on
        outputs = list(map(int, operation["outputs"]))
        named = any(tensors[one]["name"].startswith(f"{FINISH}/") for one in outputs)
        if named or behind & set(map(int, operation["inputs"])):
            behind.update(outputs)
            names += [tensors[one]["name"] for one in outputs]
    return names


def _error(row):
    """Of a layer's output, in steps of its scale, squared."""
    return float(row["mean_squared_error"]) / float(row["scale"]) ** 2


def _heavy_layers(content):
    """Names of the tensors that come out of layers of many weights."""
    tensors, operations = _operations(content)
    heavy = set()
    for operation in operations:
        if operation["op_name"] in WEIGHTED:
            kernel = 4 * math.prod(map(int, tensors[operation["inputs"][1]]["shape"]))  # bytes
            if kernel > LIGHT * len(content):
                heavy.add(tensors[operation["outputs"][0]]["name"])
    return heavy


def _operations(content):
    """({index: details of a tensor}, details of each operation) of a network."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    return tensors, interpreter._get_ops_details()
