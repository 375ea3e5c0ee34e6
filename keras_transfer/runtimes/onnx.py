"""ONNX Runtime running an .onnx file."""

from collections import Counter

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import as_tuple, from_tuple
from keras_transfer.runtimes.batching import FILE_BATCH_SIZE, run_batches
from keras_transfer.runtimes.tensor_order import in_order

DTYPES = {"float": "float32", "double": "float64", "string": "object"}  # others are numpy's names


class ONNXRuntime:
    """An .onnx file on the CPU.

    Args:
        file: its path.
        input_names, output_names: in the order that is wanted.

    Raises:
        UserError: it is no ONNX file, or has no such names.
    """

    def __init__(self, file, input_names=None, output_names=None):
        import onnx
        import onnxruntime

        self.description = f"ONNX Runtime {onnxruntime.__version__}"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors share no class but this one
            raise UserError(f"{file} is no ONNX file", str(error).splitlines()[0]) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self._inputs = in_order({t.name: t for t in inputs}, inputs, input_names, file)
        found = in_order({t.name: t for t in outputs}, outputs, output_names, file)
        self._outputs = [tensor.name for tensor in found]
        kinds = [tensor.type.removeprefix("tensor(").removesuffix(")") for tensor in self._inputs]
        self._dtypes = [np.dtype(DTYPES.get(kind, kind)) for kind in kinds]
        nodes = onnx.load(file, load_external_data=False).graph.node
        self._kinds = Counter(node.op_type for node in nodes)
        self.input_shapes = tuple(  # a side of any length has a name
            tuple(side if isinstance(side, int) else None for side in tensor.shape[1:])
            for tensor in self._inputs
        )

    def __call__(self, inputs):
        return run_batches(self._run, inputs, FILE_BATCH_SIZE)

    def _run(self, inputs):
        takes = zip(self._inputs, as_tuple(inputs), self._dtypes, strict=True)
        fed = {tensor.name: np.asarray(array).astype(dtype) for tensor, array, dtype in takes}
        return from_tuple(self._session.run(self._outputs, fed))

    def metadata(self, key):
        """A text in the file's metadata, or None."""
        return self._session.get_modelmeta().custom_metadata_map.get(key)

    def operations(self):
        return dict(self._kinds.most_common())
