"""tf.data pipelines: one for training (shuffled, mixed), one for evaluation (in order, whole).

A little numpy decides what a training step holds: which examples, and which views of them. The work
on examples (reading, decoding, resizing, augmentation) is TensorFlow's own operations, as many at
once as the machine can do.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.environment import cores
from keras_transfer.inputs.common.arrays import as_tuple, each, from_tuple

AHEAD = 2  # batches that lie ready: more bring nothing and cost memory


class Source(NamedTuple):
    """What a training pipeline is fed from.

    Attributes:
        kinds: (shape, dtype) of each array that `numbers` gives, without the axis of examples.
        numbers: indices int64 (n,), epoch -> a tuple of arrays (n, ...). It is numpy and runs one
            step at a time, so it should do little.
        load: the tensors of one example -> a tuple of others, many examples at once; None where
            there is nothing to load.
        finish: the tensors of a batch -> the model's inputs, a list of tensors (n, ...).
    """

    kinds: list
    numbers: Callable
    load: Callable | None
    finish: Callable


def arrays_source(fetch, signature):
    """The Source of inputs that numpy has at hand.

    Args:
        fetch: indices int64 (n,), epoch -> inputs (n, ...).
        signature: (shape, dtype) of each input, without the axis of examples.
    """
    fetched = lambda indices, epoch: as_tuple(fetch(indices, epoch))  # noqa: E731
    return Source(list(signature), fetched, None, lambda *inputs: list(inputs))


def training_batches(source, indices, targets, weights, config, epochs, devices=1, move=None):
    """A tf.data.Dataset of (inputs, targets, weights) for all epochs, another order in each.

    What a step holds is a function of the seed and the step's number alone, so that two runs
    see the same, and one that goes on sees what it would have seen.

    Args:
        source: Source; indices: of the examples to train on (n,).
        targets: arrays (n, ...); weights: (n,).
        config: gives `batch_size`, `seed` and `mixup`.
        epochs: how many to lay out.
        devices: among how many a batch is shared. It is filled up to a multiple of them by
            examples of weight 0, so that the mean over devices is that over the batch.
        move: indices, epoch, targets -> the targets of what these examples show in that epoch;
            None where they show the same in each.

    Returns:
        (the tf.data.Dataset, steps an epoch). The last batch of an epoch may be smaller.
    """
    tf = load_tensorflow()
    step = _Step(source, np.asarray(indices), as_tuple(targets), weights, config, move)
    dataset = tf.data.Dataset.range(step.count * epochs).map(
        lambda number: call_numpy(tf, step.numbers, number, step.kinds), 2, deterministic=True
    )
    if source.load:
        dataset = dataset.unbatch().map(
            lambda *tensors: step.loaded(*tensors), cores(), deterministic=True
        )
        # a short batch was filled up, so that all are of one size here
        dataset = dataset.batch(step.batch_size, drop_remainder=True)
    dataset = dataset.map(
        lambda *tensors: step.finished(tf, tensors, devices), cores(), deterministic=True
    )
    return without_autotuning(dataset.prefetch(AHEAD)), step.count


def without_autotuning(dataset):
    """A tf.data.Dataset whose parallelism stays as it is written.

    The thread that would tune it sleeps for longer and longer, up to a minute, and whoever is
    done with the dataset often waits until it wakes (TensorFlow 2.21).
    """
    options = load_tensorflow().data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


class _Step:
    """What is done for one step of training, in its parts."""

    def __init__(self, source, indices, targets, weights, config, move=None):
        self.source, self.indices, self.targets, self.weights = source, indices, targets, weights
        self.seed, self.mixup, self.move = config.seed, config.mixup, move
        self.batch_size = min(config.batch_size, len(indices))
        self.count = -(-len(indices) // self.batch_size)
        known = [(array.shape[1:], array.dtype) for array in (*targets, weights)]
        # of mixing, and whether an example is there only to fill up
        self.kinds = [*source.kinds, *known, ((), np.float32), ((), np.bool_)]
        self.known = len(known) + 2

    def numbers(self, step):
        """Arrays of one step: the source's own, targets, weights, shares of mixing, what counts."""
        epoch, place = divmod(int(step), self.count)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.indices))
        drawn = order[place * self.batch_size : (place + 1) * self.batch_size]
        shares = np.ones(len(drawn))
        if self.mixup:
            generator = np.random.default_rng([self.seed, epoch, place, 1])
            shares = generator.beta(self.mixup, self.mixup, len(drawn))
        filled = np.resize(drawn, self.batch_size) if self.source.load else drawn
        counts = np.arange(len(filled)) < len(drawn)
        indices, targets = self.indices[filled], tuple(array[filled] for array in self.targets)
        if self.move:
            targets = as_tuple(self.move(indices, epoch, from_tuple(targets)))
        known = [*targets, self.weights[filled], np.resize(shares, len(filled)), counts]
        return [*self.source.numbers(indices, epoch), *known]

    def loaded(self, *tensors):
        """The tensors of one example, once it is loaded."""
        return (*self.source.load(*tensors[: -self.known]), *tensors[-self.known :])

    def finished(self, tf, tensors, devices):
        """(inputs, targets, weights) of a batch."""
        real = tf.reduce_sum(tf.cast(tensors[-1], tf.int32))
        *tensors, shares = [tensor[:real] for tensor in tensors[:-1]]
        inputs = self.source.finish(*tensors[: 2 - self.known])
        *targets, weights = tensors[2 - self.known :]
        if self.mixup:
            inputs, targets, (weights,) = (
                [mixed(tf, one, shares) for one in part] for part in (inputs, targets, [weights])
            )
        if devices > 1:
            inputs, targets, weights = _shared(tf, inputs, targets, weights, real, devices)
        return from_tuple(list(inputs)), from_tuple(list(targets)), weights


def mixed(tf, tensor, shares):
    """Each example of a batch mixed with that at its mirror place (MixUp: arXiv:1710.09412).

    Args:
        tensor: (n, ...); shares: float32 (n,), of its own in each.

    Returns: float32 (n, ...).
    """
    own = tf.reshape(shares, [-1, *[1] * (len(tensor.shape) - 1)])
    tensor = tf.cast(tensor, tf.float32)
    return own * tensor + (1.0 - own) * tf.reverse(tensor, [0])


def _shared(tf, inputs, targets, weights, count, devices):
    """A batch of `count` examples that `devices` share evenly: the rest weighs nothing.

    Each device takes the mean over its part, the rest counted; what weighs something weighs as
    much more.
    """
    whole = -(-count // devices) * devices
    places = tf.range(whole) * tf.cast(tf.range(whole) < count, tf.int32)
    inputs, targets = ([tf.gather(one, places) for one in part] for part in (inputs, targets))
    more = tf.cast(whole, tf.float32) / tf.cast(count, tf.float32)
    return inputs, targets, tf.pad(weights * more, [[0, whole - count]])


def evaluation_batches(examples, indices, batch_size, view=None):
    """Batches of the examples at `indices`, in order, none dropped: arrays, or tuples of them.

    Args:
        view: one for which examples are read anew (`Modality.load_view`); None for the plain ones.
    """
    tf, indices = load_tensorflow(), np.asarray(indices)

    def load(start):
        batch = indices[int(start) * batch_size :][:batch_size]
        return as_tuple(examples.views(batch, [view] * len(batch)))

    kinds = [(tensor.shape, tensor.dtype) for tensor in examples.spec.tensors]
    dataset = tf.data.Dataset.range(-(-len(indices) // batch_size)).map(
        lambda start: call_numpy(tf, load, start, kinds), 2, deterministic=True
    )
    for tensors in without_autotuning(dataset.prefetch(AHEAD)):
        yield each(lambda tensor: tensor.numpy(), from_tuple(list(tensors)))


def call_numpy(tf, function, argument, kinds):
    """What a function of numpy gives, as tensors (n, ...): a tuple.

    Args:
        kinds: (shape, dtype) of each array, without the axis of examples.
    """
    types = [np.dtype(dtype) for _, dtype in kinds]

    def flat(number):
        arrays = function(number)
        return [np.ascontiguousarray(a, t) for a, t in zip(arrays, types, strict=True)]

    outputs = [tf.as_dtype(one) for one in types]
    tensors = tf.numpy_function(flat, [argument], outputs, stateful=False)
    for tensor, (shape, _) in zip(tensors, kinds, strict=True):
        tensor.set_shape((None, *shape))
    return tuple(tensors)
