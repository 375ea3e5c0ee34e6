"""tf.data pipelines: one for training (shuffled, changed), one for evaluation (neither, whole)."""

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.inputs.image.augmentation import augment, draw, find_augmentation


def training_batches(fetch, shape, targets, weights, config, epochs, augmentation="none"):
    """An endless-enough dataset of (inputs, targets, weights), another order each epoch.

    What a step holds is a function of the seed and the step's number alone, so that two runs
    see the same, and one that goes on sees what it would have seen.

    Args:
        fetch: row numbers (int64 array), epoch -> inputs (len, *shape): pixels or stored features.
        shape: of one input.
        targets, weights: arrays (n, ...) and (n,).
        config: gives `batch_size`, `seed` and `mixup`.
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
        shares = _shares(config, epoch, place, len(rows))
        return inputs, targets[rows], weights[rows], draws, shares

    kinds = (tf.float32, *(tf.as_dtype(a.dtype) for a in (targets, weights)), *2 * (tf.float32,))

    def example(step):
        inputs, target, weight, draws, shares = tf.numpy_function(
            load, [step], kinds, stateful=False
        )
        inputs.set_shape((None, *shape))
        target.set_shape((None, *targets.shape[1:]))
        weight.set_shape((None,))
        draws.set_shape((None, None))
        shares.set_shape((None,))
        inputs = augment(inputs, draws, kind) if kind else inputs
        if not config.mixup:
            return inputs, target, weight
        return tuple(_mixed(tf, batch, shares) for batch in (inputs, target, weight))

    dataset = tf.data.Dataset.range(steps * epochs)
    return dataset.map(example, num_parallel_calls=2, deterministic=True).prefetch(2), steps


def _shares(config, epoch, place, count):
    """How much of itself each example keeps when it is mixed, float32 (count,); the rest is 0."""
    if not config.mixup:
        return np.zeros(0, np.float32)
    generator = np.random.default_rng([config.seed, epoch, place, 1])
    return generator.beta(config.mixup, config.mixup, count).astype(np.float32)


def _mixed(tf, batch, shares):
    """Each row of a batch mixed with that of its mirror place (MixUp: arXiv:1710.09412)."""
    shares = tf.reshape(shares, [-1] + [1] * (len(batch.shape) - 1))
    return shares * batch + (1.0 - shares) * batch[::-1]


def evaluation_batches(examples, rows, batch_size):
    """A dataset of float32 pixels (batch, size, size, 3) in the order of `rows`, none dropped."""
    tf = load_tensorflow()
    starts = tf.data.Dataset.range(0, len(rows), batch_size)
    rows = np.asarray(rows)

    def load(start):
        return examples.batch(rows[start : start + batch_size])

    def pixels(start):
        batch = tf.numpy_function(load, [start], tf.uint8, stateful=False)
        batch.set_shape((None, examples.size, examples.size, 3))
        return tf.cast(batch, tf.float32)

    return starts.map(pixels, num_parallel_calls=2, deterministic=True).prefetch(2)
