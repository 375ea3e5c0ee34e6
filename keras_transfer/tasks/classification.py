"""One class an example: softmax, cross-entropy."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class Classification:
    """Exactly one of `outputs` (class names, sorted) is right."""

    outputs: tuple[str, ...]
    name: ClassVar[str] = "classification"
    activation: ClassVar[str] = "softmax"
    scale: ClassVar[None] = None  # no rescaling of the output

    @classmethod
    def from_labels(cls, labels, train, targets=()):
        return cls(tuple(sorted(set(map(str, labels)))))

    @classmethod
    def from_outputs(cls, outputs):
        """The task of a trained model: only its names are needed to read answers."""
        return cls(tuple(outputs))

    def encode(self, labels):
        """Class names (n,) -> class numbers int64 (n,)."""
        number = {name: position for position, name in enumerate(self.outputs)}
        return np.array([number[str(label)] for label in labels], dtype=np.int64)

    def one_hot(self, targets):
        """Class numbers (n,) -> probabilities float32 (n, k)."""
        return np.eye(len(self.outputs), dtype=np.float32)[targets]

    def loss(self, keras, one_hot=False):
        """Cross-entropy; `one_hot` says that targets are probabilities, not numbers."""
        if one_hot:
            return keras.losses.CategoricalCrossentropy()
        return keras.losses.SparseCategoricalCrossentropy()

    def metrics(self, keras, one_hot=False):
        if one_hot:
            return [keras.metrics.CategoricalAccuracy(name="accuracy")]
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]

    def example_weights(self, targets):
        """Weights (n,) with which each class counts alike; their mean is 1."""
        counts = np.bincount(targets, minlength=len(self.outputs))
        present = (counts > 0).sum()
        return (len(targets) / (present * np.maximum(counts, 1)))[targets].astype(np.float32)

    def log_losses(self, targets, predictions):
        """Cross-entropy of each example (n,)."""
        right = predictions[np.arange(len(targets)), targets]
        return -np.log(np.clip(right, 1e-7, 1.0))

    def brier_scores(self, targets, predictions):
        """Squared distance of each example's probabilities from the truth (n,)."""
        return ((predictions - np.eye(len(self.outputs))[targets]) ** 2).sum(axis=1)

    def metric(self, targets, predictions):
        """Accuracy."""
        return float(self.example_scores(targets, predictions).mean())

    def example_scores(self, targets, predictions):
        """1 for each example (n,) that is answered rightly, else 0; the mean is the accuracy."""
        return (predictions.argmax(axis=1) == targets).astype(np.float64)

    def agreement(self, expected, found):
        """1 for each example (n,) to which two models say the same, else 0."""
        return (expected.argmax(axis=1) == found.argmax(axis=1)).astype(np.float64)

    def decode(self, prediction):
        """One prediction (k,) as the label that a person reads."""
        return self.outputs[int(np.argmax(prediction))]
