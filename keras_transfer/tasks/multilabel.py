"""Any number of labels an example: one sigmoid a label, binary cross-entropy."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class Multilabel:
    """Each of `outputs` (label names, sorted) is there or not."""

    outputs: tuple[str, ...]
    name: ClassVar[str] = "multilabel"
    activation: ClassVar[str] = "sigmoid"
    scale: ClassVar[None] = None
    threshold: ClassVar[float] = 0.5

    @classmethod
    def from_labels(cls, labels, train, targets=()):
        return cls(tuple(sorted({name for names in labels for name in names})))

    @classmethod
    def from_outputs(cls, outputs):
        """The task of a trained model: only its names are needed to read answers."""
        return cls(tuple(outputs))

    def encode(self, labels):
        """Tuples of names (n,) -> 0/1 float32 (n, k)."""
        number = {name: position for position, name in enumerate(self.outputs)}
        encoded = np.zeros((len(labels), len(self.outputs)), dtype=np.float32)
        for row, names in enumerate(labels):
            encoded[row, [number[name] for name in names]] = 1.0
        return encoded

    def one_hot(self, targets):
        """Targets that can be mixed: these can."""
        return targets

    def loss(self, keras, one_hot=False):
        return keras.losses.BinaryCrossentropy()

    def metrics(self, keras, one_hot=False):
        return [keras.metrics.AUC(curve="PR", multi_label=True, name="average_precision")]

    def example_weights(self, targets):
        """Weights (n,): the mean over an example's labels of how rare each is; their mean is 1."""
        rarity = 1.0 / np.maximum(targets.mean(axis=0), 1.0 / len(targets))
        carried = (targets * rarity).sum(axis=1) / np.maximum(targets.sum(axis=1), 1.0)
        weights = np.where(targets.any(axis=1), carried, rarity.min())
        return (weights / weights.mean()).astype(np.float32)

    def log_losses(self, targets, predictions):
        """Binary cross-entropy of each example (n,), mean over its labels."""
        likely = np.clip(predictions, 1e-7, 1 - 1e-7)
        return -(targets * np.log(likely) + (1 - targets) * np.log(1 - likely)).mean(axis=1)

    def brier_scores(self, targets, predictions):
        """Mean squared distance of each example's probabilities from the truth (n,)."""
        return ((predictions - targets) ** 2).mean(axis=1)

    def metric(self, targets, predictions):
        """Share of labels that are right."""
        return float(((predictions >= self.threshold) == (targets > 0.5)).mean())

    def example_scores(self, targets, predictions):
        """Of the labels that an example carries or is given, the share that are both, (n,).

        Jaccard's index: labels that are rightly absent, most of many, say nothing.
        """
        return _jaccard(targets > 0.5, predictions >= self.threshold)

    def agreement(self, expected, found):
        """The same of the labels that two models give, (n,)."""
        return _jaccard(expected >= self.threshold, found >= self.threshold)

    def decode(self, prediction):
        """One prediction (k,) as the labels at or above the threshold, joined by a bar."""
        chosen = [n for n, p in zip(self.outputs, prediction, strict=True) if p >= self.threshold]
        return "|".join(chosen)


def _jaccard(one, other):
    both, either = (one & other).sum(axis=1), (one | other).sum(axis=1)
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)
