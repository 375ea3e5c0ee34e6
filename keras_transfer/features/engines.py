"""What runs a network over pictures."""

import numpy as np

from keras_transfer import progress
from keras_transfer.data.pipeline import evaluation_batches
from keras_transfer.runtime import load_keras, load_tensorflow

BATCH = 32  # pictures a call; larger ones gain nothing on a CPU and cost memory


def keras_engine(network, batch_size):
    """A function from inputs float32 (n, ...), n <= batch_size, to outputs float32 (n, ...).

    On TensorFlow it is one compiled graph for one batch size, a third faster than `predict`
    (a short batch is filled up and cut off again); elsewhere Keras's own `predict_on_batch`.
    """
    if load_keras().backend.backend() != "tensorflow":
        return lambda inputs: np.asarray(network.predict_on_batch(np.asarray(inputs)), np.float32)
    tf = load_tensorflow()
    graph = tf.function(lambda inputs: network(inputs, training=False))

    def run(inputs):
        short = batch_size - len(inputs)
        filled = tf.pad(inputs, [(0, short)] + [(0, 0)] * (len(inputs.shape) - 1))
        return graph(filled)[: len(inputs)].numpy().astype(np.float32, copy=False)

    return run


def run_batches(network, inputs, engine=None):
    """Outputs float32 (n, ...) of `network` for an array of inputs (n, ...), batch by batch.

    `engine` is what `keras_engine(network, BATCH)` made before, so that it is not made again.
    """
    run = engine or keras_engine(network, BATCH)
    parts = np.array_split(inputs, range(BATCH, len(inputs), BATCH))
    return np.concatenate([run(np.asarray(part, np.float32)) for part in parts])


def run_over(network, pictures, rows, label, change=None):
    """Outputs float32 (len(rows), ...) of `network` for these pictures.

    Args:
        network: `keras.Model` from pixels.
        pictures: `data.pictures.Pictures`; rows: their row numbers.
        label: what the progress bar says.
        change: function (pixels, rows of the batch) -> pixels, for seeded versions.
    """
    run = keras_engine(network, BATCH)
    outputs = np.zeros((len(rows), *network.output.shape[1:]), np.float32)
    place = 0
    with progress.bar(label, len(rows)) as advance:
        for pixels in evaluation_batches(pictures, rows, BATCH):
            batch = slice(place, place + len(pixels))
            outputs[batch] = run(change(pixels, rows[batch]) if change else pixels)
            place += len(pixels)
            advance(len(pixels))
    return outputs
