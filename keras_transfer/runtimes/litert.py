"""LiteRT (XNNPACK) running a TFLite file."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np

from keras_transfer.backend import quiet_stderr
from keras_transfer.environment import cores
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import as_tuple
from keras_transfer.runtimes.batching import run_each
from keras_transfer.runtimes.tensor_order import in_order

WEIGHTS_LIMIT = 2**29  # bytes of weights, in all interpreters together


class LiteRTRuntime:
    """A TFLite file, an example at a time, as a phone has it.

    Args:
        file: a path, or the file's bytes.
        interpreters: how many examples at once. One of one thread a core is on two cores 3.3 times
            as fast as the Keras graph for EfficientNet-Lite0, where one of two threads is 3.0
            times. Each packs a copy of the weights, so of a large network there are fewer.
        threads: of each interpreter; by default the cores are shared out among them.
        input_names, output_names: of the file's signature, in the order that is wanted.

    Attributes:
        inputs, outputs: what LiteRT says of each: name, dtype, quantization.

    Raises:
        UserError: it is no TFLite file, or has no such names.
    """

    def __init__(self, file, interpreters=1, threads=None, input_names=None, output_names=None):
        self.description = f"LiteRT {version('ai-edge-litert')}"
        where = "the network" if isinstance(file, bytes) else file
        try:
            size = len(file) if isinstance(file, bytes) else Path(file).stat().st_size
            number = min(interpreters, max(1, WEIGHTS_LIMIT // max(1, size)))
            threads = threads or cores() // number
            with quiet_stderr(expected=(ValueError, OSError)):  # it announces its delegate
                self._interpreters = [_open(file, threads) for _ in range(number)]
        except (ValueError, OSError) as error:
            raise UserError(f"{where} is no TFLite file", error) from error
        first = self._interpreters[0]
        takes, gives = _signature(first)
        self.inputs = in_order(takes, first.get_input_details(), input_names, where)
        self.outputs = in_order(gives, first.get_output_details(), output_names, where)
        self.input_shapes = tuple(
            tuple(int(side) if side > 0 else None for side in tensor["shape_signature"][1:])
            for tensor in self.inputs
        )
        self._allocated = self.input_shapes

    def __call__(self, inputs):
        inputs = tuple(np.asarray(array) for array in as_tuple(inputs))
        self._allocate(tuple(array.shape[1:] for array in inputs))
        return run_each(self._run, inputs)

    def _allocate(self, shapes):
        """Resize inputs that take any size; refuse examples that do not fit."""
        if shapes == self._allocated:
            return
        for shape, taken, tensor in zip(shapes, self.input_shapes, self.inputs, strict=True):
            sides = zip(shape, taken, strict=False)
            if len(shape) != len(taken) or any(fixed not in (None, side) for side, fixed in sides):
                raise UserError(f"the file reads examples of {taken}", shape, "Resize")
            for interpreter in self._interpreters:
                interpreter.resize_tensor_input(tensor["index"], (1, *shape))
        for interpreter in self._interpreters:
            interpreter.allocate_tensors()
        self._allocated = shapes

    def _run(self, inputs):
        """A list with the predictions of each example."""
        found, step = [None] * len(inputs[0]), len(self._interpreters)

        def work(first):
            interpreter = self._interpreters[first]
            for index in range(first, len(found), step):
                for array, tensor in zip(inputs, self.inputs, strict=True):
                    example = array[index : index + 1].astype(tensor["dtype"], copy=False)
                    interpreter.set_tensor(tensor["index"], example)
                interpreter.invoke()
                found[index] = [
                    _real(interpreter.get_tensor(tensor["index"])[0], tensor)
                    for tensor in self.outputs
                ]

        if step == 1:
            work(0)
        else:
            with ThreadPoolExecutor(step) as pool:
                list(pool.map(work, range(step)))
        return found

    def operations(self):
        details = self._interpreters[0]._get_ops_details()
        kinds = Counter(op["op_name"] for op in details if op["op_name"] != "DELEGATE")
        return dict(kinds.most_common())


def _open(file, threads):
    from ai_edge_litert.interpreter import Interpreter

    content = {"model_content": file} if isinstance(file, bytes) else {"model_path": str(file)}
    interpreter = Interpreter(**content, num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter


def _signature(interpreter):
    """({name: tensor} of the inputs, of the outputs) by the file's signature; empty without one."""
    for name in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(name)
        return runner.get_input_details(), runner.get_output_details()
    return {}, {}


def _real(numbers, tensor):
    """Numbers of a tensor that may be quantised, as they are meant."""
    scale, zero = tensor["quantization"]
    return (numbers.astype(np.float32) - zero) * scale if scale else numbers
