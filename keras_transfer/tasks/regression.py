"""One number an example, or several: linear output, squared error in units of their spread."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keras_transfer.errors import UserError

NEAR = 0.1  # of the spread of the labels: numbers that lie nearer than this say the same
LEAST_SPREAD = 0.01  # of the largest number: numbers that hardly differ have no spread to speak of
LARGEST = 1e15  # squares of larger numbers leave float32


@dataclass(frozen=True)
class Regression:
    """Numbers called `outputs`; `scale` and `offset` are their spread and mean in train.

    The model's last layer multiplies by `scale` and adds `offset`, so that the head works on
    numbers near 1 whatever the unit, and the model answers in the user's own unit.
    """

    outputs: tuple[str, ...]
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    name: ClassVar[str] = "regression"
    activation: ClassVar[str] = "linear"

    @classmethod
    def from_labels(cls, labels, train, targets=()):
        largest = max(abs(float(n)) for row in _rows(labels) for n in row)
        if largest > LARGEST:
            raise UserError("numbers too large to be learned", f"{largest:g}", "Use another unit")
        numbers = _matrix(labels)[np.asarray(train)]
        spread = numbers.std(axis=0)
        if not (spread > 0).all():
            raise UserError("a regression needs numbers that differ in train", numbers[0][0])
        unnamed = [f"value_{place}" for place in range(1, numbers.shape[1] + 1)]
        names = tuple(targets) or (tuple(unnamed) if len(unnamed) > 1 else ("value",))
        return cls(names, tuple(map(float, spread)), tuple(map(float, numbers.mean(axis=0))))

    @classmethod
    def from_outputs(cls, outputs):
        """The task of a trained model, which scales its answers itself."""
        return cls(tuple(outputs), (1.0,) * len(outputs), (0.0,) * len(outputs))

    def encode(self, labels):
        """Numbers (n,) or tuples of numbers -> float32 (n, t)."""
        return _matrix(labels)

    def one_hot(self, targets):
        """Targets that can be mixed: these can."""
        return targets

    def loss(self, keras, one_hot=False):
        """Squared error in units of the spread."""
        weights = np.array(self.scale, dtype=np.float32) ** -2

        def scaled_squared_error(truth, prediction):
            return keras.ops.mean(weights * keras.ops.square(truth - prediction), axis=-1)

        return scaled_squared_error

    def metrics(self, keras, one_hot=False):
        return [keras.metrics.MeanAbsoluteError(name="mae")]

    def example_weights(self, targets):
        raise UserError("--class-weight balanced needs classes", "a regression", "Leave it out")

    def log_losses(self, targets, predictions):
        """Squared error of each example (n,) in units of the spread in train."""
        return (((targets - predictions) / np.array(self.scale)) ** 2).mean(axis=1)

    def brier_scores(self, targets, predictions):
        """What `log_losses` gives: it is one."""
        return self.log_losses(targets, predictions)

    def metric(self, targets, predictions):
        """1 - mean squared error in units of the spread in train."""
        return float(1.0 - self.log_losses(targets, predictions).mean())

    def example_scores(self, targets, predictions):
        """1 - squared error of each example (n,) in units of targets' spread; the mean is R2."""
        return 1.0 - (((predictions - targets) / _spread(targets)) ** 2).mean(axis=1)

    def agreement(self, expected, found):
        """1 for each example (n,) to which two models say numbers within NEAR, else 0."""
        near = np.abs(found - expected) <= NEAR * np.array(self.scale)
        return near.all(axis=1).astype(np.float64)

    def decode(self, prediction):
        """One prediction (t,) as text."""
        return "|".join(f"{number:.6g}" for number in prediction)


def _rows(labels):
    return [label if isinstance(label, (tuple, list, np.ndarray)) else (label,) for label in labels]


def _matrix(labels):
    return np.array(_rows(labels), dtype=np.float32)


def _spread(numbers):
    """Spread (t,) of numbers (n, t), but at least a hundredth of the largest."""
    largest = np.maximum(np.abs(numbers).max(axis=0), 1e-30)
    return np.maximum(numbers.std(axis=0), LEAST_SPREAD * largest)
