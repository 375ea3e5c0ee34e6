"""What a network is worth on pictures that did not train it."""

from typing import NamedTuple

import numpy as np

TEMPERATURES = tuple(np.geomspace(0.5, 8.0, 49))


class Judgement(NamedTuple):
    """How good answers are; `loss` is what counts.

    The loss is taken with the confidence set right by one temperature (Guo et al. 2017,
    arXiv:1706.04599): a tuned network is nearly always too sure of itself, and without this a
    better one would lose against a head for that alone.
    """

    loss: float
    temperature: float
    quality: float  # accuracy; the share of labels right; 1 - squared error in units of spread


def judge(task, targets, answers, weights=None):
    """The Judgement of `answers` (n, outputs) against `targets`, as `task.encode` gives them.

    `weights` (n,) say how much each picture counts in the loss; by default all alike.
    """
    quality = task.quality(targets, answers)
    if task.activation == "linear":
        return Judgement(_mean(task.losses(targets, answers), weights), 1.0, quality)
    losses = [
        _mean(task.losses(targets, tempered(task, answers, temperature)), weights)
        for temperature in TEMPERATURES
    ]
    best = int(np.argmin(losses))
    return Judgement(losses[best], float(TEMPERATURES[best]), quality)


def _mean(losses, weights):
    return float(np.average(losses, weights=weights))


def tempered(task, answers, temperature):
    """Probabilities (n, outputs) as they are when the logits are divided by `temperature`."""
    likely = np.clip(answers, 1e-7, 1 - 1e-7)
    if task.activation == "sigmoid":
        logits = (np.log(likely) - np.log1p(-likely)) / temperature
        return 1.0 / (1.0 + np.exp(-logits))
    powers = likely ** (1.0 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def set_temperature(model, temperature):
    """Divide the logits of `model` by `temperature`: its answers keep their order."""
    head = model.get_layer("head")
    head.set_weights([array / temperature for array in head.get_weights()])
