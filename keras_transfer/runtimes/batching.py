"""A network over more examples than it takes at once."""

import numpy as np

from keras_transfer import progress
from keras_transfer.data.pipeline import evaluation_batches
from keras_transfer.inputs.common.arrays import (
    as_tuple,
    batches,
    concatenate,
    count,
    from_tuple,
    take,
)

BATCH_SIZE = 32  # examples a call; larger ones gain nothing on a CPU and cost memory
FILE_BATCH_SIZE = 16  # the same for a file: VGG16 at 224 pixels takes 0.4 GB in its runtime


def run_batches(run, inputs, batch_size=BATCH_SIZE):
    """Predictions for `inputs` of a function that takes at most `batch_size` examples."""
    parts = [run(part) for part in batches(_at_least_one(inputs), batch_size)]
    return take(concatenate(parts), slice(count(inputs)))


def run_each(run, inputs):
    """Predictions for `inputs` of a function that gives a list with one tuple of arrays an example.

    It gets the inputs as a tuple.
    """
    columns = zip(*run(as_tuple(_at_least_one(inputs))), strict=True)
    return from_tuple([np.stack(column)[: count(inputs)] for column in columns])


def _at_least_one(inputs):
    """The inputs, or one of zeros where there are none: some runtimes fail on an empty batch."""
    if count(inputs):
        return inputs
    return from_tuple([np.zeros((1, *one.shape[1:]), one.dtype) for one in as_tuple(inputs)])


def stream(runtime, examples, indices, label, view=None):
    """Yield (indices, predictions) of these examples, batch by batch, in order.

    Args:
        runtime: see `runtimes.Runtime`.
        examples: `data.examples.Examples`; indices: positions in it.
        label: what the progress bar says.
        view: of the examples that is wanted, see `inputs.Modality.augment`; None for the plain.
    """
    place = 0
    with progress.bar(label, len(indices)) as advance:
        anew = view if view is not None and view[0] in examples.modality.read_anew else None
        for inputs in evaluation_batches(examples, indices, BATCH_SIZE, anew):
            batch = indices[place : place + count(inputs)]
            if view is not None and anew is None:
                inputs = examples.augmented(inputs, batch, [view] * len(batch))
            yield batch, runtime(inputs)
            place += len(batch)
            advance(len(batch))


def predict_examples(runtime, examples, indices, label):
    """Predictions of at least one example; as `stream`."""
    parts = stream(runtime, examples, indices, label)
    return concatenate([predictions for _, predictions in parts])
