"""A toy task: at most two boxes an example, each a centre and a class; one row of a table a box."""

from dataclasses import dataclass

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.evaluate.draws import Draws
from keras_transfer.tasks import Task

MOST = 2


@dataclass(frozen=True)
class Boxes(Task):
    outputs: tuple[str, ...]
    name = "boxes"
    headline = "closeness"
    output_names = ("where", "presence")  # not in alphabetical order
    columns = ("centre", "kind")
    tabular = False

    @classmethod
    def parse(cls, labels, shown, numbers=()):
        return [tuple((float(r["centre"]), r["kind"]) for r in rows[:MOST]) for rows in labels]

    @classmethod
    def from_labels(cls, labels, train, numbers=()):
        return cls(tuple(sorted({kind for boxes in labels for _, kind in boxes})))

    def encode(self, labels, geometries=None):
        centres, presence = np.zeros((2, len(labels), MOST), np.float32)
        for row, boxes in enumerate(labels):
            for place, (centre, _) in enumerate(boxes):
                centres[row, place], presence[row, place] = centre, 1
        return centres, presence

    def build_head(self, tensors, settings):
        dense = load_keras().layers.Dense
        centres = dense(MOST, name="centres")(tensors[-1])
        return [centres, dense(MOST, activation="sigmoid", name="presence")(tensors[-1])]

    def loss(self, mixed=False, smoothing=0.0):
        return ["mean_squared_error", "binary_crossentropy"]

    def log_losses(self, targets, predictions):
        return ((targets[0] - predictions[0]) ** 2).mean(axis=1)

    def score(self, targets, predictions, groups=None, seed=0):
        scores = self.example_scores(targets, predictions)
        mean = Draws(len(scores), groups, seed).score(lambda w: w @ scores / w.sum(axis=1))
        return {"n": len(scores), self.headline: mean[0]}

    def example_scores(self, targets, predictions):
        return 1 - np.abs(targets[0] - predictions[0]).mean(axis=1)

    def agreement(self, expected, found):
        return (np.abs(expected[0] - found[0]).max(axis=1) < 0.01).astype(float)

    def difference(self, expected, found):
        return max(float(np.abs(a - b).max()) for a, b in zip(expected, found, strict=True))

    def decode(self, prediction):
        return " ".join(f"{centre:.2f}" for centre in prediction[0])

    def to_json(self, prediction, top=None, geometry=None):
        return {
            "boxes": [{"centre": float(c), "p": float(p)} for c, p in zip(*prediction, strict=True)]
        }

    def reorder(self, predictions, names):
        return predictions


TASK = Boxes
