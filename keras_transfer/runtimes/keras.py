"""Keras running a network that is in memory."""

import numpy as np

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.inputs.common.arrays import as_tuple, count, from_tuple
from keras_transfer.runtimes.batching import BATCH_SIZE, run_batches
from keras_transfer.runtimes.fused_norms import fused_norms


class KerasRuntime:
    """A `keras.Model` as it is now: weights that change later change its predictions.

    On TensorFlow it is one compiled graph for one batch size, a third faster than `predict`
    (a short batch is filled up and cut off again); elsewhere Keras's own `predict_on_batch`.

    Args:
        traced: its function of `runtimes.conversion.trace`, where there is one already.
    """

    def __init__(self, network, batch_size=BATCH_SIZE, traced=None):
        keras = load_keras()
        self.description = f"Keras {keras.__version__}"
        self.input_shapes = tuple(tuple(tensor.shape[1:]) for tensor in network.inputs)
        self._network, self._batch_size = network, batch_size
        self._dtypes = [input_dtype(tensor) for tensor in network.inputs]
        self._call = network.predict_on_batch
        if traced is not None:
            constant = load_tensorflow().constant
            self._call = lambda inputs: traced(*map(constant, keras.tree.flatten(inputs)))
        elif keras.backend.backend() == "tensorflow":
            tensorflow = load_tensorflow()
            self._call = tensorflow.function(self._predicted)

    def __call__(self, inputs):
        return run_batches(self._run, inputs, self._batch_size)

    def _predicted(self, inputs):
        with fused_norms(self._network):
            return self._network(inputs, training=False)

    def _run(self, inputs):
        """Predictions of one batch."""
        examples = count(inputs)
        filled = [
            self._fill(array, dtype)
            for array, dtype in zip(as_tuple(inputs), self._dtypes, strict=True)
        ]
        outputs = self._call(pack_inputs(self._network, filled))
        named = isinstance(outputs, dict)  # of a traced function, in the order of the outputs
        outputs = outputs.values() if named else load_keras().tree.flatten(outputs)
        flat = [_to_numpy(output)[:examples] for output in outputs]
        return from_tuple(flat)

    def _fill(self, array, dtype):
        array = np.asarray(array, dtype)
        short = self._batch_size - len(array)
        return np.pad(array, [(0, short)] + [(0, 0)] * (array.ndim - 1)) if short else array


def input_dtype(tensor):
    """What an input is fed with: a network itself converts float32 to what it computes in."""
    return "float32" if "float" in tensor.dtype else tensor.dtype


def pack_inputs(network, arrays):
    """The list `arrays`, one for each input, as the network is called with them."""
    keras = load_keras()
    if isinstance(network, keras.Sequential):  # it has no `input` until it is called
        return arrays[0]
    return keras.tree.pack_sequence_as(network.input, arrays)


def _to_numpy(output):
    array = np.asarray(output)
    return array if array.dtype.kind in "biu" else array.astype(np.float32, copy=False)
