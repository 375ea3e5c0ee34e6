"""A model on its way into files: in float32, traced once for all of them."""

from functools import cached_property

from keras_transfer.backend import load_keras
from keras_transfer.errors import UserError
from keras_transfer.inputs import find_modality
from keras_transfer.model.float32_copy import float32_copy
from keras_transfer.runtimes.conversion import trace
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.tasks import load_task


class Network:
    """What formats are written from.

    Attributes:
        model: the float32 copy of a `keras.Model` of any precision.
        spec: its ModelSpec; task, modality: what that names.
    """

    def __init__(self, model, spec):
        self.model, self.spec = float32_copy(model), spec
        self.task, self.modality = load_task(spec), find_modality(spec.inputs.modality)

    @cached_property
    def traced(self):
        """Its TensorFlow function: inputs -> {output name: predictions}."""
        require_tensorflow()
        return trace(self.model, self.task.output_names)

    @cached_property
    def runtime(self):
        """What runs it in memory."""
        return KerasRuntime(self.model, traced=self.traced)


def require_tensorflow():
    """The `keras` module; a UserError where it runs on another backend."""
    keras = load_keras()
    if keras.backend.backend() != "tensorflow":
        found = f"KERAS_BACKEND={keras.backend.backend()}"
        advice = "Save the run, then: KERAS_BACKEND=tensorflow keras-transfer export --model RUN"
        raise UserError("exports are written by the TensorFlow backend", found, advice)
    return keras
