"""OpenVINO running its own files, TFLite and ONNX: in float32, or in bfloat16 for those who ask."""

from collections import Counter

import numpy as np

from keras_transfer.backend import quiet_stderr
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import as_tuple, from_tuple
from keras_transfer.runtimes.batching import FILE_BATCH_SIZE, run_batches, run_each
from keras_transfer.runtimes.tensor_order import in_order


def has_openvino():
    """Whether the extra `openvino` is installed."""
    from importlib.util import find_spec

    return find_spec("openvino") is not None


class OpenVINORuntime:
    """A network in a file on the CPU.

    Args:
        file: path of an .xml, .tflite or .onnx file.
        precision: float32 or bfloat16. It is always named: on CPUs with AMX its own choice is
            bfloat16, 4 to 7 % off.
        throughput: many examples, one by one with several in flight; else few, as soon as can be.
        input_names, output_names: in the order that is wanted.

    Raises:
        UserError: OpenVINO cannot read it, or it has no such names.
    """

    def __init__(
        self, file, precision="float32", throughput=False, input_names=None, output_names=None
    ):
        import openvino

        self.description = f"OpenVINO {openvino.__version__.split('-')[0]}"
        core = openvino.Core()
        hints = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "PERFORMANCE_HINT": "THROUGHPUT" if throughput else "LATENCY",
        }
        try:
            with quiet_stderr(expected=RuntimeError):
                self._network = core.read_model(str(file))
                self.input_shapes = tuple(_shape(port) for port in self._network.inputs)
                if throughput:
                    shapes = zip(self._network.inputs, self.input_shapes, strict=True)
                    self._network.reshape({port: [1, *shape] for port, shape in shapes})
                self._compiled = core.compile_model(self._network, "CPU", hints)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError(f"{file} is no OpenVINO file", reason) from error
        inputs, outputs = self._compiled.inputs, self._compiled.outputs
        self._inputs = in_order(_named(inputs), inputs, input_names, file)
        self._outputs = in_order(_named(outputs), outputs, output_names, file)
        self._queue = None
        if throughput:
            self._queue = openvino.AsyncInferQueue(self._compiled)
            self._queue.set_callback(self._keep)

    def __call__(self, inputs):
        if self._queue is None:
            return run_batches(self._run, inputs, FILE_BATCH_SIZE)
        return run_each(self._run_queue, tuple(map(np.asarray, as_tuple(inputs))))

    def _run(self, inputs):
        found = self._compiled(self._feed(as_tuple(inputs)))
        return from_tuple([found[port].copy() for port in self._outputs])

    def _feed(self, inputs):
        """{port: array} of the dtypes that the network takes."""
        return {
            port: np.asarray(array).astype(port.get_element_type().to_dtype(), copy=False)
            for port, array in zip(self._inputs, inputs, strict=True)
        }

    def _run_queue(self, inputs):
        """A list with the predictions of each example."""
        self._found = [None] * len(inputs[0])
        for index in range(len(self._found)):
            example = [array[index : index + 1] for array in inputs]
            self._queue.start_async(self._feed(example), index)
        self._queue.wait_all()
        return self._found

    def _keep(self, request, index):
        self._found[index] = [request.get_tensor(port).data[0].copy() for port in self._outputs]

    def metadata(self, key):
        """A text in the file's runtime information, or None."""
        info = self._network.get_rt_info()
        return info[key].astype(str) if key in info else None

    def operations(self):
        kinds = Counter(op.get_type_name() for op in self._network.get_ops())
        return dict(kinds.most_common())


def _shape(port):
    """Of one example; None for a side of any length."""
    return tuple(
        side.get_length() if side.is_static else None for side in list(port.partial_shape)[1:]
    )


def _named(ports):
    return {name: port for port in ports for name in port.names}
