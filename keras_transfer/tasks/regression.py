"""One number an example, or several: linear output, squared error in units of their spread."""

import math
from dataclasses import dataclass

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.errors import UserError
from keras_transfer.evaluate import curves
from keras_transfer.evaluate.differences import number_difference
from keras_transfer.evaluate.regression import score_regression
from keras_transfer.tasks import Task
from keras_transfer.tasks.common.head import vector_logits
from keras_transfer.tasks.common.labels import SEPARATOR, named, refuse_empty

NEAR = 0.1  # of the spread of the labels: numbers that lie nearer than this agree
LEAST_SPREAD = 0.01  # of the largest number: numbers that hardly differ have no spread to speak of
LARGEST = 1e15  # squares of larger numbers leave float32
MOST_NUMBER_CLASSES = 20  # whole numbers with at most so many values are classes
MOST_BINS = 10  # strata of a number
MOST_FIGURES = 6  # numbers of several that are drawn
BIN_EXAMPLES = 10  # at least, on average


@dataclass(frozen=True)
class Regression(Task):
    """Numbers called `outputs`; `scale` and `offset` are their spread and mean in train.

    The model's last layer multiplies by `scale` and adds `offset`, so that the head works on
    numbers near 1 whatever the unit, and the model predicts in the user's own unit. Targets and
    predictions: float32 (n, t).
    """

    outputs: tuple[str, ...]
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    name = "regression"
    headline = "r2"
    shown_scores = ("mae", "rmse")
    output_names = ("values",)
    solver = "ridge"
    precedence = 1
    # numbers (a count, an age) hang on what ImageNet's classes are blind to, and that is lost in
    # the early layers: in trials inside train the last stages alone explained half as much. Where
    # the frozen features say little there is little to hold on to, and half of a tuning was worse
    # than all of it on each of three fifths of train held out.
    tunes_whole_base = True
    kept_share = 1.0
    column = "value"
    probabilities = False
    inferred_note = "labels are numbers: a regression; --task classification otherwise"

    @classmethod
    def fits(cls, labels, are_names, numbers):
        if numbers or are_names:
            return bool(numbers)
        values = {label: _number(label) for label in set(labels) - {""}}
        if not values or None in values.values():
            return False
        whole = all(math.isfinite(value) and value.is_integer() for value in values.values())
        return not whole or len(set(values.values())) > MOST_NUMBER_CLASSES

    @classmethod
    def parse(cls, labels, shown, numbers=()):
        refuse_empty(labels, shown)
        return [finite_number(label, name) for label, name in zip(labels, shown, strict=True)]

    @classmethod
    def check(cls, labels, in_train, splits, least=2, kept=()):
        known = [label for label, inside in zip(labels, in_train, strict=True) if inside]
        if len(set(known)) < 2:
            raise UserError("only one number to learn", known[0], "Add examples with other numbers")

    @classmethod
    def strata(cls, labels):
        """Quantile bins; of several numbers, of the sum of their z-scores."""
        values = np.array([*labels], float)
        if values.ndim == 2:
            spread = values.std(axis=0)
            values = ((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)).sum(axis=1)
        bins = np.clip(len(values) // BIN_EXAMPLES, 1, MOST_BINS)
        edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
        return [(number,) for number in np.searchsorted(edges, values, side="right").tolist()]

    @classmethod
    def from_labels(cls, labels, train, numbers=()):
        matrix = _matrix(labels)
        if np.abs(matrix).max() > LARGEST:
            found = f"{np.abs(matrix).max():g}"
            raise UserError("numbers too large to be learned", found, "Use another unit")
        inside = matrix.astype(np.float32)[np.asarray(train)]
        spread = inside.std(axis=0)
        if not (spread > 0).all():
            raise UserError("a regression needs numbers that differ in train", inside[0][0])
        unnamed = [f"value_{place}" for place in range(1, inside.shape[1] + 1)]
        names = tuple(numbers) or (tuple(unnamed) if len(unnamed) > 1 else ("value",))
        return cls(names, tuple(map(float, spread)), tuple(map(float, inside.mean(axis=0))))

    @classmethod
    def from_outputs(cls, outputs, scale=None, offset=None):
        width = len(outputs)
        return cls(tuple(outputs), tuple(scale or (1.0,) * width), tuple(offset or (0.0,) * width))

    @property
    def settings(self):
        return {"scale": list(self.scale), "offset": list(self.offset)}

    def encode(self, labels, geometries=None):
        return _matrix(labels).astype(np.float32)

    def build_head(self, tensors, settings):
        values = vector_logits(tensors[-1], settings, len(self.outputs))
        scaling = {"scale": list(self.scale), "offset": list(self.offset)}
        return load_keras().layers.Rescaling(**scaling, name="output", dtype="float32")(values)

    def linear_targets(self, targets):
        """In units of the spread: the output layer scales back."""
        return (targets - np.array(self.offset)) / np.array(self.scale)

    def from_linear(self, predictions):
        return predictions * np.array(self.scale) + np.array(self.offset)

    def linear_losses(self, targets, predictions):
        return ((targets - predictions) ** 2).mean(axis=1)

    def loss(self, mixed=False, smoothing=0.0):
        """Squared error in units of the spread."""
        if smoothing:
            raise UserError("--label-smoothing needs classes", self.name, "Leave it out")
        keras = load_keras()
        weights = np.array(self.scale, dtype=np.float32) ** -2

        def scaled_squared_error(truth, prediction):
            return keras.ops.mean(weights * keras.ops.square(truth - prediction), axis=-1)

        return scaled_squared_error

    def metrics(self, mixed=False):
        return [load_keras().metrics.MeanAbsoluteError(name="mae")]

    def log_losses(self, targets, predictions):
        """Squared error of each example (n,) in units of the spread in train."""
        return (((targets - predictions) / np.array(self.scale)) ** 2).mean(axis=1)

    def metric(self, targets, predictions):
        """1 - mean squared error in units of the spread in train."""
        return float(1.0 - self.log_losses(targets, predictions).mean())

    def score(self, targets, predictions, groups=None, seed=0):
        return score_regression(targets, predictions, list(self.outputs), groups, seed)

    def example_scores(self, targets, predictions):
        """1 - squared error of each example (n,) in units of targets' spread; the mean is R2."""
        return 1.0 - (((predictions - targets) / _spread(targets)) ** 2).mean(axis=1)

    def agreement(self, expected, found):
        """1 for each example (n,) for which two models predict numbers within NEAR, else 0."""
        near = np.abs(found - expected) <= NEAR * np.array(self.scale)
        return near.all(axis=1).astype(np.float64)

    def difference(self, expected, found):
        return number_difference(expected, found)

    def figures(self, targets, predictions):
        columns = list(zip(self.outputs, targets.T, predictions.T, strict=True))[:MOST_FIGURES]
        kinds = (curves.predicted_against_true, curves.residuals)
        return tuple(kind(true, found, name) for name, true, found in columns for kind in kinds)

    def decode(self, prediction):
        return SEPARATOR.join(f"{number:.6g}" for number in prediction)

    def to_json(self, prediction, top=None, geometry=None):
        return {"values": named(self.outputs, prediction)}

    def read_labels(self, texts, shown):
        several = len(self.outputs) > 1
        return self.parse([tuple(t.split(SEPARATOR)) if several else t for t in texts], shown)

    def check_known(self, labels):
        width = {len(label) if isinstance(label, tuple) else 1 for label in labels}
        if width != {len(self.outputs)}:
            raise UserError(f"the model predicts {len(self.outputs)} numbers", sorted(width))

    def align(self, labels, numbers):
        if not numbers or numbers == self.outputs:
            return labels
        if set(numbers) != set(self.outputs):
            advice = f"It predicts {', '.join(self.outputs)}"
            raise UserError("the model predicts other numbers", ", ".join(numbers), advice)
        places = [numbers.index(name) for name in self.outputs]
        return [tuple(label[place] for place in places) for label in labels]


TASK = Regression


def finite_number(label, name):
    """The number that a plain label of example `name` says; a UserError if it says none."""
    if isinstance(label, tuple):
        return tuple(finite_number(part, name) for part in label)
    value = _number(label)
    if value is None or not math.isfinite(value):
        raise UserError(
            f"the label of {name} is not a finite number",
            repr(label),
            "Correct it; labels that are names are --task classification",
        )
    return value


def _number(label):
    try:
        return float(label)
    except (ValueError, TypeError):
        return None


def _matrix(labels):
    """Numbers or tuples of numbers (n,) -> float64 (n, t)."""
    return np.array(list(labels), dtype=np.float64).reshape(len(labels), -1)


def _spread(numbers):
    """Spread (t,) of numbers (n, t), but at least a hundredth of the largest."""
    largest = np.maximum(np.abs(numbers).max(axis=0), 1e-30)
    return np.maximum(numbers.std(axis=0), LEAST_SPREAD * largest)
