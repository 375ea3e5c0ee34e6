"""tf.data pipelines: one for training (shuffled, mixed), one for evaluation (in order, whole)."""

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.inputs.common.arrays import as_tuple, count, each, take


def training_batches(fetch, signature, targets, weights, config, epochs):
    """A tf.data.Dataset of (inputs, targets, weights) for all epochs, another order in each.

    What a step holds is a function of the seed and the step's number alone, so that two runs
    see the same, and one that goes on sees what it would have seen.

    Args:
        fetch: indices int64 (n,), epoch -> inputs (n, ...): raw examples or stored features.
        signature: (shape, dtype) of each input, without the batch.
        targets: arrays (n, ...); weights: (n,).
        config: gives `batch_size`, `seed` and `mixup`.
        epochs: how many to lay out.

    Returns:
        (the tf.data.Dataset, steps an epoch). The last batch of an epoch may be smaller.
    """
    total, batch_size = count(targets), min(config.batch_size, count(targets))
    steps = -(-total // batch_size)

    def load(step):
        epoch, place = divmod(int(step), steps)
        order = np.random.default_rng([config.seed, epoch]).permutation(total)
        indices = order[place * batch_size : (place + 1) * batch_size]
        batch = fetch(indices, epoch), take(targets, indices), weights[indices]
        if config.mixup:
            generator = np.random.default_rng([config.seed, epoch, place, 1])
            batch = mixed(batch, generator.beta(config.mixup, config.mixup, len(indices)))
        return batch

    kinds = [(a.shape[1:], a.dtype) for a in (*as_tuple(targets), weights)]
    return _dataset(load, steps * epochs, [*signature, *kinds], len(signature)), steps


def mixed(batch, shares):
    """Each example of a batch mixed with that at its mirror place (MixUp: arXiv:1710.09412).

    Args:
        batch: a tuple of arrays (n, ...), or tuples of them; shares: (n,), of its own in each.
    """

    def mix(array):
        own = shares.astype(np.float32).reshape(-1, *[1] * (array.ndim - 1))
        return (own * array + (1 - own) * array[::-1]).astype(np.float32)

    return tuple(each(mix, part) for part in batch)


def evaluation_batches(examples, indices, batch_size):
    """Batches of the examples at `indices`, in order, none dropped: arrays, or tuples of them."""
    indices = np.asarray(indices)

    def load(start):
        return (examples.batch(indices[int(start) * batch_size :][:batch_size]),)

    kinds = [(tensor.shape, tensor.dtype) for tensor in examples.spec.tensors]
    for (inputs,) in _dataset(load, -(-len(indices) // batch_size), kinds, len(kinds)):
        yield each(lambda tensor: tensor.numpy(), inputs)


def _dataset(load, steps, kinds, inputs):
    """A tf.data.Dataset of what `load` gives for each step, as flat arrays regrouped.

    Args:
        kinds: (shape, dtype) of each array in turn; inputs: how many of them are inputs.
    """
    tf = load_tensorflow()
    types = [np.dtype(dtype) for _, dtype in kinds]

    def flat(step):
        arrays = [array for part in load(step) for array in as_tuple(part)]
        return [np.ascontiguousarray(a, t) for a, t in zip(arrays, types, strict=True)]

    def regroup(tensors):
        return tuple(tensors) if len(tensors) > 1 else tensors[0]

    def batch(step):
        tensors = tf.numpy_function(flat, [step], [tf.as_dtype(t) for t in types], stateful=False)
        for tensor, (shape, _) in zip(tensors, kinds, strict=True):
            tensor.set_shape((None, *shape))
        groups = [tensors[:inputs], tensors[inputs:-1], tensors[-1:]]
        if inputs == len(kinds):
            groups = [tensors]
        return tuple(regroup(group) for group in groups if group)

    dataset = tf.data.Dataset.range(steps).map(batch, num_parallel_calls=2, deterministic=True)
    return dataset.prefetch(2)
