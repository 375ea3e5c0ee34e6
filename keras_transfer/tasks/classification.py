"""One class an example: softmax, cross-entropy."""

from dataclasses import dataclass

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.errors import UserError, flag_of, unknown_name
from keras_transfer.evaluate import curves
from keras_transfer.evaluate.classification import score_classification
from keras_transfer.evaluate.differences import log_probability_difference
from keras_transfer.evaluate.thresholds import POINTS, choose_threshold, score_decisions
from keras_transfer.tasks import Task
from keras_transfer.tasks.common.head import activate, vector_logits
from keras_transfer.tasks.common.labels import (
    check_classes,
    check_known_names,
    named,
    refuse_empty,
    refuse_several,
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    at_specificity: float | None = None
    """Of two classes: also give the sensitivity at this specificity, by a threshold chosen on
    training examples that did not train."""
    at_sensitivity: float | None = None
    """Of two classes: also give the specificity at this sensitivity, by such a threshold."""
    positive: str = ""
    """The class that is found or missed, for the two above; by default the second in
    alphabetical order."""

    LIMITS = {"at_specificity": (0.0, 1.0), "at_sensitivity": (0.0, 1.0)}  # noqa: RUF012


@dataclass(frozen=True)
class Classification(Task):
    """Exactly one of `outputs` (class names, sorted) is right.

    Targets: class numbers int64 (n,). Predictions: probabilities float32 (n, k).
    """

    outputs: tuple[str, ...]
    name = "classification"
    headline = "accuracy"
    mediapipe = "ImageClassifier"
    shown_scores = ("balanced_accuracy", "f1_macro", "auroc")
    output_names = ("probabilities",)
    solver = "logistic"
    exact_scores = True
    strata_in_each_fold = True

    @classmethod
    def fits(cls, labels, are_names, numbers):
        return True  # what fits nothing else is a name

    @classmethod
    def parse(cls, labels, shown, numbers=()):
        refuse_several(numbers, cls.name)
        refuse_empty(labels, shown)
        if any(isinstance(label, tuple) for label in labels):
            raise UserError(
                "an example with several labels is no classification", "", "It is --task multilabel"
            )
        return list(labels)

    @classmethod
    def check(cls, labels, in_train, splits, least=2, kept=()):
        known = [label for label, inside in zip(labels, in_train, strict=True) if inside]
        if len(set(known)) < 2 and not kept:
            raise UserError("only one class to learn", known[0], "Add examples with another label")
        check_classes(cls.strata(labels), in_train, splits, least, kept)

    @classmethod
    def strata(cls, labels):
        return [(label,) for label in labels]

    @classmethod
    def whole_columns(cls):
        return ("label", "split")

    @classmethod
    def from_labels(cls, labels, train, numbers=()):
        return cls(tuple(sorted(set(map(str, labels)))))

    def encode(self, labels, geometries=None):
        number = {name: position for position, name in enumerate(self.outputs)}
        return np.array([number[str(label)] for label in labels], dtype=np.int64)

    def one_hot(self, targets):
        return np.eye(len(self.outputs), dtype=np.float32)[targets]

    def class_numbers(self, targets):
        return targets

    def build_head(self, tensors, settings):
        return activate(vector_logits(tensors[-1], settings, len(self.outputs)), "softmax")

    def loss(self, mixed=False, smoothing=0.0):
        losses = load_keras().losses
        if mixed:
            return losses.CategoricalCrossentropy(label_smoothing=smoothing)
        return losses.SparseCategoricalCrossentropy()

    def metrics(self, mixed=False):
        metrics = load_keras().metrics
        kind = metrics.CategoricalAccuracy if mixed else metrics.SparseCategoricalAccuracy
        return [kind(name="accuracy")]

    def example_weights(self, targets):
        counts = np.bincount(targets, minlength=len(self.outputs))
        present = (counts > 0).sum()
        return (len(targets) / (present * np.maximum(counts, 1)))[targets].astype(np.float32)

    def log_losses(self, targets, predictions):
        """Cross-entropy of each example (n,)."""
        right = predictions[np.arange(len(targets)), targets]
        return -np.log(np.clip(right, 1e-7, 1.0))

    def brier_scores(self, targets, predictions):
        """Squared distance of each example's probabilities from the truth (n,), Brier 1950."""
        return ((predictions - np.eye(len(self.outputs))[targets]) ** 2).sum(axis=1)

    def tempered(self, predictions, temperature):
        powers = np.clip(predictions, 1e-7, 1 - 1e-7) ** (1.0 / temperature)
        return powers / powers.sum(axis=1, keepdims=True)

    def confidence(self, predictions):
        """The probability of the predicted class."""
        return predictions.max(axis=1)

    def wrong(self, targets, predictions):
        return predictions.argmax(axis=1) != targets

    def check_settings(self, config):
        super().check_settings(config)
        wanted = {name: vars(config)[name] for name in POINTS}
        asked = [flag_of(name) for name, value in wanted.items() if value is not None]
        if len(asked) > 1:
            raise UserError("one threshold cannot be chosen for both", " and ".join(asked))
        if asked and len(self.outputs) != 2:
            found = f"{len(self.outputs)} classes"
            raise UserError(f"{asked[0]} needs a classification of two classes", found)
        if config.positive and config.positive not in self.outputs:
            raise unknown_name("class for --positive", config.positive, self.outputs)

    def choose_thresholds(self, targets, predictions, config):
        """{"at_specificity": {"wanted", "threshold", "positive", "sensitivity", "specificity"}},
        the last two as reached on these examples; likewise `at_sensitivity`; {} unless asked for.
        """
        self.check_settings(config)
        positive = config.positive or self.outputs[-1]
        place = self.outputs.index(positive)
        chosen = {}
        for point in POINTS:
            wanted = vars(config)[point]
            if wanted is not None:
                reached = choose_threshold(targets == place, predictions[:, place], point, wanted)
                chosen[point] = {"wanted": wanted, "positive": positive, **reached}
        return chosen

    def score_thresholds(self, thresholds, targets, predictions, groups=None, seed=0):
        """Sensitivity and specificity with intervals, and the confusion, at each threshold."""
        scores = {}
        for point, chosen in thresholds.items():
            place = self.outputs.index(chosen["positive"])
            found = predictions[:, place] >= chosen["threshold"]
            kept = {name: chosen[name] for name in ("wanted", "threshold", "positive")}
            scores[point] = kept | score_decisions(targets, found, place, groups, seed)
        return scores

    def score(self, targets, predictions, groups=None, seed=0):
        return score_classification(targets, predictions, list(self.outputs), groups, seed)

    def example_scores(self, targets, predictions):
        """1 for each example (n,) whose class is predicted, else 0; the mean is the accuracy."""
        return 1.0 - self.wrong(targets, predictions)

    def agreement(self, expected, found):
        """1 for each example (n,) for which two models predict the same class, else 0."""
        return (expected.argmax(axis=1) == found.argmax(axis=1)).astype(np.float64)

    def difference(self, expected, found):
        return log_probability_difference(expected, found)

    def figures(self, targets, predictions):
        predicted, confidence = predictions.argmax(axis=1), self.confidence(predictions)
        wrong = predicted != targets
        shown = (
            curves.confusion(targets, predicted, self.outputs),
            curves.reliability(confidence, ~wrong),
            curves.coverage_error(confidence, wrong),
        )
        if len(self.outputs) > 2:
            return shown
        truths = self.one_hot(targets) > 0.5
        return (
            *shown,
            curves.roc(truths[:, 1], predictions[:, 1], self.outputs[1]),
            curves.precision_recall(truths, predictions, self.outputs),
        )

    def carried_names(self, text):
        return (text,)

    def decode(self, prediction):
        return self.outputs[int(np.argmax(prediction))]

    def to_json(self, prediction, top=None, geometry=None):
        order = np.argsort(-prediction, kind="stable")[:top]
        names = [self.outputs[place] for place in order]
        return {"probabilities": named(names, prediction[order])}

    def check_known(self, labels):
        check_known_names(self.strata(labels), self.outputs)

    def golden(self, targets, most):
        """One of each class first."""
        _, firsts = np.unique(targets, return_index=True)
        others = np.setdiff1d(np.arange(len(targets)), firsts)
        return np.sort(np.concatenate([firsts[:most], others[: max(0, most - len(firsts))]]))

    def served(self, tf, predictions):
        """`label`: the name of the likeliest class."""
        names = tf.constant([str(name) for name in self.outputs])
        return {"label": tf.gather(names, tf.argmax(predictions, axis=-1))}


TASK = Classification
