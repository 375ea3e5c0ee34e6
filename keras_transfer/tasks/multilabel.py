"""Any number of labels an example: one sigmoid a label, binary cross-entropy."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.errors import UserError
from keras_transfer.evaluate import curves
from keras_transfer.evaluate.differences import log_odds_difference
from keras_transfer.evaluate.multilabel import score_multilabel
from keras_transfer.tasks import Task
from keras_transfer.tasks.common.head import activate, vector_logits
from keras_transfer.tasks.common.labels import (
    SEPARATOR,
    check_classes,
    check_known_names,
    named,
    refuse_several,
)

MOST_CURVES = 5  # labels in one figure that can still be distinguished
COMMON_COMBINATION = 5  # examples from which a combination of labels is a stratum of its own


@dataclass(frozen=True)
class Multilabel(Task):
    """Each of `outputs` (label names, sorted) is there or not.

    Targets: 0/1 float32 (n, k). Predictions: probabilities float32 (n, k).
    """

    outputs: tuple[str, ...]
    name = "multilabel"
    headline = "macro_average_precision"
    mediapipe = "ImageClassifier"
    shown_scores = ("f1_macro", "auroc", "subset_accuracy")
    output_names = ("probabilities",)
    paired_score = "jaccard_index"
    solver = "logistic_per_label"
    precedence = 2
    threshold: ClassVar[float] = 0.5

    @property
    def shown_from(self):
        return self.threshold

    @classmethod
    def fits(cls, labels, are_names, numbers):
        if numbers:
            return False
        joined = not are_names and any(SEPARATOR in label for label in labels)
        return joined or any(isinstance(label, tuple) for label in labels)

    @classmethod
    def parse(cls, labels, shown, numbers=()):
        refuse_several(numbers, cls.name)
        return [_label_set(label) for label in labels]

    @classmethod
    def check(cls, labels, in_train, splits, least=2, kept=()):
        known = [label for label, inside in zip(labels, in_train, strict=True) if inside]
        if len(set(known)) < 2:
            raise UserError(
                "only one combination of labels to learn", known[0], "Add examples with others"
            )
        check_classes(labels, in_train, splits, least)

    @classmethod
    def strata(cls, labels):
        """Each label and, where it is common enough, the whole combination."""
        counts = dict.fromkeys(labels, 0)
        for label in labels:
            counts[label] += 1
        # a label is (name,), a combination ("", *names): the two never meet, and can be sorted
        return [
            (
                *((name,) for name in label),
                *([("", *label)] if not label or counts[label] >= COMMON_COMBINATION else []),
            )
            for label in labels
        ]

    @classmethod
    def from_labels(cls, labels, train, numbers=()):
        return cls(tuple(sorted({name for names in labels for name in names})))

    def encode(self, labels, geometries=None):
        number = {name: position for position, name in enumerate(self.outputs)}
        encoded = np.zeros((len(labels), len(self.outputs)), dtype=np.float32)
        for row, names in enumerate(labels):
            encoded[row, [number[name] for name in names]] = 1.0
        return encoded

    def build_head(self, tensors, settings):
        return activate(vector_logits(tensors[-1], settings, len(self.outputs)), "sigmoid")

    def loss(self, mixed=False, smoothing=0.0):
        return load_keras().losses.BinaryCrossentropy(label_smoothing=smoothing)

    def metrics(self, mixed=False):
        auc = load_keras().metrics.AUC
        return [auc(curve="PR", multi_label=True, name="average_precision")]

    def example_weights(self, targets):
        """The mean over an example's labels of how rare each is; the mean of all is 1."""
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

    def tempered(self, predictions, temperature):
        likely = np.clip(predictions, 1e-7, 1 - 1e-7)
        logits = (np.log(likely) - np.log1p(-likely)) / temperature
        return 1.0 / (1.0 + np.exp(-logits))

    def confidence(self, predictions):
        """The probability with which the least certain label was decided."""
        return np.maximum(predictions, 1.0 - predictions).min(axis=1)

    def wrong(self, targets, predictions):
        """Whether any label is."""
        return ((targets > 0.5) != (predictions >= self.threshold)).any(axis=1)

    def score(self, targets, predictions, groups=None, seed=0):
        names = list(self.outputs)
        return score_multilabel(targets, predictions, names, groups, seed, self.threshold)

    def example_scores(self, targets, predictions):
        """Jaccard's index of the labels that an example carries and those predicted (n,).

        Labels that are rightly absent, most of many, say nothing.
        """
        return _jaccard(targets > 0.5, predictions >= self.threshold)

    def agreement(self, expected, found):
        """The same of the labels that two models predict, (n,)."""
        return _jaccard(expected >= self.threshold, found >= self.threshold)

    def difference(self, expected, found):
        return log_odds_difference(expected, found)

    def figures(self, targets, predictions):
        truths, predicted = targets > 0.5, predictions >= self.threshold
        sure = np.maximum(predictions, 1.0 - predictions)
        commonest = np.argsort(-truths.sum(axis=0), kind="stable")[:MOST_CURVES]
        names = [self.outputs[place] for place in commonest]
        return (
            curves.average_precisions(truths, predictions, self.outputs),
            curves.precision_recall(truths[:, commonest], predictions[:, commonest], names),
            curves.reliability(sure.ravel(), (truths == predicted).ravel(), "decision"),
            curves.coverage_error(self.confidence(predictions), self.wrong(targets, predictions)),
        )

    def carried_names(self, text):
        return _label_set(text)

    def decode(self, prediction):
        """The labels at or above the threshold, joined by a bar."""
        likely = [n for n, p in zip(self.outputs, prediction, strict=True) if p >= self.threshold]
        return SEPARATOR.join(likely)

    def to_json(self, prediction, top=None, geometry=None):
        order = np.argsort(-prediction, kind="stable")[:top]
        names = [self.outputs[place] for place in order]
        return {"probabilities": named(names, prediction[order])}

    def check_known(self, labels):
        check_known_names(labels, self.outputs)


TASK = Multilabel


def _label_set(label):
    """The distinct labels of one example, sorted; an empty label is none."""
    parts = label if isinstance(label, tuple) else label.split(SEPARATOR)
    return tuple(sorted({part.strip() for part in parts} - {""}))


def _jaccard(one, other):
    both, either = (one & other).sum(axis=1), (one | other).sum(axis=1)
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)
