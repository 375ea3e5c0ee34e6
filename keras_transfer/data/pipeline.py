"""tf.data pipelines: one for training (shuffled, changed), one for evaluation (neither, whole)."""

import numpy as np

from keras_transfer.data.augment import augment, draw, find_augmentation
from keras_transfer.runtime import load_tensorflow


def training_batches(fetch, shape, targets, weights, config, epochs, augmentation="none"):
    """An endless-enough dataset of (inputs, targets, weights), another order each epoch.

    What a step holds is a function of the seed and the step's number alone, so that two runs
    see the same, and one that goes on sees what it would have seen.

    Args:
        fetch: row numbers (int64 array), epoch -> inputs (len, *shape): pixels or stored features.
        shape: of one input.
        targets, weights: arrays (n, ...) and (n,).
        config: gives `batch_size` and `seed`.
        epochs: how many to lay out.
        augmentation: none, light or standard; inputs are pixels then.

    Returns:
        (dataset, steps an epoch). The last batch of an epoch may be smaller.
    """
    tf = load_tensorflow()
    count, batch = len(targets), min(config.batch_size, len(targets))
    steps = -(-count // batch)
    kind = None if augmentation == "none" else find_augmentation(augmentation)

    def load(step):
        epoch, place = divmod(int(step), steps)
        order = np.random.default_rng([config.seed, epoch]).permutation(count)
        rows = order[place * batch : (place + 1) * batch]
        draws = draw(config.seed, epoch, rows) if kind else np.zeros((len(rows), 0), np.float32)
        inputs = np.ascontiguousarray(fetch(rows, epoch), dtype=np.float32)
        return inputs, targets[rows], weights[rows], draws

    kinds = (tf.float32, tf.as_dtype(targets.dtype), tf.as_dtype(weights.dtype), tf.float32)

    def example(step):
        inputs, target, weight, draws = tf.numpy_function(load, [step], kinds, stateful=False)
        inputs.set_shape((None, *shape))
        target.set_shape((None, *targets.shape[1:]))
        weight.set_shape((None,))
        draws.set_shape((None, None))
        return (augment(inputs, draws, kind) if kind else inputs), target, weight

    dataset = tf.data.Dataset.range(steps * epochs)
    return dataset.map(example, num_parallel_calls=2, deterministic=True).prefetch(2), steps


def evaluation_batches(pictures, rows, batch_size):
    """A dataset of float32 pixels (batch, size, size, 3) in the order of `rows`, none dropped."""
    tf = load_tensorflow()
    starts = tf.data.Dataset.range(0, len(rows), batch_size)
    rows = np.asarray(rows)

    def load(start):
        return pictures.batch(rows[start : start + batch_size])

    def pixels(start):
        batch = tf.numpy_function(load, [start], tf.uint8, stateful=False)
        batch.set_shape((None, pictures.size, pictures.size, 3))
        return tf.cast(batch, tf.float32)

    return starts.map(pixels, num_parallel_calls=2, deterministic=True).prefetch(2)
