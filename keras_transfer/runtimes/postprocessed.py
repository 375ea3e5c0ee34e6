"""A runtime whose outputs become a task's predictions, batch by batch."""

from keras_transfer.inputs.common.arrays import batches, concatenate
from keras_transfer.runtimes.batching import BATCH_SIZE


class Postprocessed:
    """What a runtime gives, as `Task.postprocess` makes predictions of it.

    Outputs may be a hundred times as large as what is predicted, so they are not gathered first.
    """

    def __init__(self, runtime, task):
        self._runtime, self._task = runtime, task

    def __getattr__(self, name):
        return getattr(self._runtime, name)

    def __call__(self, inputs):
        parts = batches(inputs, BATCH_SIZE)
        return concatenate([self._task.postprocess(self._runtime(part)) for part in parts])
