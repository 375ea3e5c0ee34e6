"""What storing features will take, before it is done: disk, time, and whether it pays."""

import time
from typing import NamedTuple

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.runtimes.engines import BATCH, keras_engine


class Plan(NamedTuple):
    """How a part of a network will be trained.

    Attributes:
        stored: whether what lies below it is computed once; else it runs in each epoch.
        why: the reason where it is not.
        count: activations to keep, all versions of the examples together.
        bytes: what they take.
    """

    stored: bool
    why: str
    count: int
    bytes: int


def plan_storing(prefix, examples, views, looks, room, precision="float32"):
    """The Plan for training above `prefix`.

    Args:
        prefix: what is frozen; examples: how many; views: versions of each that are visited.
        looks: how often training looks at each example.
        room: bytes that the store may take; precision: of stored numbers.
    """
    count = examples * views
    size = 4 if precision == "float32" else 2
    needed = size * count * int(np.prod(prefix.output.shape[1:]))
    if not prefix.weights:
        return Plan(False, "all of the base trains", count, needed)
    if looks < views:
        why = f"{views} versions of each example, and training looks {looks} times"
        return Plan(False, why, count, needed)
    if needed > room:
        why = f"activations take {needed / 2**30:.1f} GiB, {room / 2**30:.1f} GiB may be used"
        return Plan(False, why, count, needed)
    return Plan(True, "", count, needed)


class Speed(NamedTuple):
    """Measured seconds an example."""

    prefix: float  # through what is frozen, by Keras
    step: float  # a training step above it
    whole_step: float  # a training step of the whole network


def measure_speed(model, prefix, suffix, task, targets):
    """The Speed of a model's parts on random pixels; its weights stay as they are.

    Args:
        task: gives the loss; targets: one batch of encoded labels.
    """
    keras = load_keras()
    kept = model.get_weights()
    count = len(targets)
    shape = model.input_shape[1:]
    pixels = np.random.default_rng(0).uniform(0, 255, (count, *shape)).astype(np.float32)
    run = keras_engine(prefix, BATCH)
    features = run(pixels)
    prefix_seconds = _seconds(lambda: run(pixels))
    steps = []
    for network, inputs in ((suffix, features), (model, pixels)):
        network.compile(optimizer=keras.optimizers.SGD(0.0), loss=task.loss(keras))
        network.train_on_batch(inputs, targets)
        steps.append(_seconds(lambda n=network, i=inputs: n.train_on_batch(i, targets)))
    model.set_weights(kept)
    return Speed(prefix_seconds / count, steps[0] / count, steps[1] / count)


def _seconds(work):
    begun = time.monotonic()
    work()
    return time.monotonic() - begun
