"""TensorFlow running a SavedModel."""

import copy
from collections import Counter

from keras_transfer.backend import load_tensorflow, quiet_stderr
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import as_tuple, from_tuple
from keras_transfer.runtimes.batching import FILE_BATCH_SIZE, run_batches
from keras_transfer.runtimes.tensor_order import in_order


class SavedModelRuntime:
    """One signature of a SavedModel.

    Args:
        folder: of the SavedModel.
        signature: its name.
        input_names, output_names: in the order that is wanted; by default every output of numbers,
            in alphabetical order.

    Attributes:
        signatures: {name: function} of all.

    Raises:
        UserError: it is no SavedModel with this signature, or has no such names.
    """

    def __init__(self, folder, signature="serve_arrays", input_names=None, output_names=None):
        tf = load_tensorflow()
        self._tf, self.description, self._folder = tf, f"TensorFlow {tf.__version__}", folder
        expected = (OSError, KeyError, tf.errors.OpError)
        try:
            with quiet_stderr(expected=expected):
                self._loaded = tf.saved_model.load(str(folder))  # signatures alone do not hold it
            self.signatures = self._loaded.signatures
            self._take(signature, input_names, output_names)
        except expected as error:
            raise UserError(f"{folder} is no SavedModel of keras-transfer", error) from error

    def by_signature(self, signature, input_names=None, output_names=None):
        """The same SavedModel by another of its signatures; it is not loaded again."""
        other = copy.copy(self)
        other._take(signature, input_names, output_names)
        return other

    def _take(self, signature, input_names, output_names):
        self._function, where = self.signatures[signature], self._folder
        takes = self._function.structured_input_signature[1]
        gives = self._function.structured_outputs
        numbers = [name for name in sorted(gives) if gives[name].dtype != self._tf.string]
        self._inputs = in_order({name: name for name in takes}, takes, input_names, where)
        self._outputs = in_order({name: name for name in gives}, numbers, output_names, where)
        self._dtypes = [takes[name].dtype for name in self._inputs]
        self.input_shapes = tuple(tuple(takes[name].shape[1:]) for name in self._inputs)

    def __call__(self, inputs):
        return run_batches(self._run, inputs, FILE_BATCH_SIZE)

    def _run(self, inputs):
        takes = zip(self._inputs, as_tuple(inputs), self._dtypes, strict=True)
        found = self._function(**{name: self._tf.cast(a, dtype) for name, a, dtype in takes})
        return from_tuple([found[name].numpy() for name in self._outputs])

    def operations(self):
        graph = self._function.graph.as_graph_def()
        inner = graph.library.function
        nodes = [*graph.node, *(node for function in inner for node in function.node_def)]
        return dict(Counter(node.op for node in nodes).most_common())
