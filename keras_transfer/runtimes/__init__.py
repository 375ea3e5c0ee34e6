"""What runs a network over arrays: Keras, LiteRT, OpenVINO, ONNX Runtime, TensorFlow's SavedModel.

The feature store and exported files share them. Each is wrapped once, and each takes any number of
examples; how many it takes at once is its own affair.
"""

from typing import Protocol


class Runtime(Protocol):
    """A network, ready to run.

    Attributes:
        description: name and version of what runs it.
        input_shapes: of one example each, a tuple with None for a side of any length.

    Those that run a file take `input_names` and `output_names`, which give the order of several
    inputs or outputs; without them it is the file's own.
    """

    description: str
    input_shapes: tuple

    def __call__(self, inputs):
        """Predictions of n examples.

        Args:
            inputs: numpy array (n, ...) or a tuple of them, of any dtype: they are converted to
                the network's own.

        Returns:
            numpy array (n, ...) or, of several outputs, a tuple of them; numbers with a fraction
            are float32, quantised ones as they are meant.
        """

    def operations(self):
        """{kind: how many} of the network's operations, most frequent first; files have it."""
