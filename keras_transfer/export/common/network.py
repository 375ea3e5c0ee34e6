"""A model on its way into files: in float32, traced once for all of them."""

from functools import cached_property

from keras_transfer.backend import load_keras
from keras_transfer.errors import UserError
from keras_transfer.inputs import find_modality
from keras_transfer.model.float32_copy import float32_copy
from keras_transfer.runtimes.batching import BATCH_SIZE
from keras_transfer.runtimes.conversion import trace
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.tasks import load_task


class Network:
    """What formats are written from.

    Attributes:
        model: the float32 copy of a `keras.Model` of any precision.
        spec: its ModelSpec; task, modality: what that names.
        library: a folder with a package of others' code that files are to bring along, or None.
    """

    def __init__(self, model, spec, library=None):
        self.model, self.spec, self.library = float32_copy(model), spec, library
        self.task, self.modality = load_task(spec), find_modality(spec.inputs.modality)
        self._forms = {}

    def with_form(self, form):
        """The Network of files whose outputs have such a form (`Task.form_of`); traced once."""
        if form not in self._forms:
            task = self.task.form_of(form)
            spec = self.spec._replace(task_settings=task.settings)
            same = not form or task == self.task
            self._forms[form] = self if same else Network(self.model, spec, self.library)
        return self._forms[form]

    def trace(self, any_size=False, one_by_one=False):
        """The TensorFlow function of a file: inputs -> {output name: outputs}.

        Args:
            one_by_one: of one example at a time, as phones have it.
        """
        task = self.task
        network, batch = task.export_model(self.model), 1 if one_by_one else None
        return trace(network, task.output_names, any_size, task.finish_in_graph, batch)

    @cached_property
    def traced(self):
        """The same for the model's own size."""
        require_tensorflow()
        return self.trace(one_by_one=self.task.one_by_one)

    @cached_property
    def traced_one_by_one(self):
        """The same for phones: LiteRT.js refuses a file whose batch is free."""
        require_tensorflow()
        return self.traced if self.task.one_by_one else self.trace(one_by_one=True)

    @cached_property
    def runtime(self):
        """What runs it in memory."""
        batch = 1 if self.task.one_by_one else BATCH_SIZE
        return KerasRuntime(self.model, batch, traced=self.traced)


def require_tensorflow():
    """The `keras` module; a UserError where it runs on another backend."""
    keras = load_keras()
    if keras.backend.backend() != "tensorflow":
        found = f"KERAS_BACKEND={keras.backend.backend()}"
        advice = "Save the run, then: KERAS_BACKEND=tensorflow keras-transfer export --model RUN"
        raise UserError("exports are written by the TensorFlow backend", found, advice)
    return keras
