"""What storing features will take, before it is done: disk, time, and whether it pays."""

import time
from typing import NamedTuple

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.features.choice import stored_precision
from keras_transfer.inputs.common.arrays import count
from keras_transfer.runtimes.keras import KerasRuntime


class Plan(NamedTuple):
    """How a part of a network will be trained.

    Attributes:
        stored: whether what lies below it is computed once; else it runs in each epoch.
        reason: the reason where it is not.
        count: activations to keep, all views of the examples together.
        bytes: what they take.
    """

    stored: bool
    reason: str
    count: int
    bytes: int


def plan_storing(prefix, examples, views, looks, room, precision="auto"):
    """The Plan for training above `prefix`.

    Args:
        prefix: what is frozen; examples: how many; views: of each that are visited.
        looks: how often training looks at each example.
        room: bytes that the store may take; precision: of stored numbers.
    """
    total = examples * views
    shapes = [tensor.shape[1:] for tensor in prefix.outputs]
    size = 4 if stored_precision(precision, shapes) == "float32" else 2
    needed = size * total * sum(int(np.prod(shape)) for shape in shapes)
    if not prefix.weights:
        return Plan(False, "all of the base trains", total, needed)
    if looks < views:
        reason = f"{views} views of each example, and training looks {looks} times"
        return Plan(False, reason, total, needed)
    if needed > room:
        reason = f"activations take {needed / 2**30:.1f} GiB, {room / 2**30:.1f} GiB may be used"
        return Plan(False, reason, total, needed)
    return Plan(True, "", total, needed)


class Speed(NamedTuple):
    """Measured seconds an example."""

    prefix: float  # through what is frozen, by Keras
    step: float  # a training step above it
    whole_step: float  # a training step of the whole network


def measure_speed(model, prefix, suffix, task, inputs, targets):
    """The Speed of a model's parts on a batch; its weights stay as they are.

    Args:
        task: gives the loss; inputs, targets: one batch of examples and encoded labels.
    """
    keras = load_keras()
    kept = model.get_weights()
    examples = count(targets)
    run = KerasRuntime(prefix)
    features = run(inputs)
    prefix_seconds = _seconds(lambda: run(inputs))
    steps = []
    for network, fed in ((suffix, features), (model, inputs)):
        network.compile(optimizer=keras.optimizers.SGD(0.0), loss=task.loss())
        network.train_on_batch(fed, targets)
        steps.append(_seconds(lambda n=network, f=fed: n.train_on_batch(f, targets)))
    model.set_weights(kept)
    return Speed(prefix_seconds / examples, steps[0] / examples, steps[1] / examples)


def _seconds(work):
    begun = time.monotonic()
    work()
    return time.monotonic() - begun
