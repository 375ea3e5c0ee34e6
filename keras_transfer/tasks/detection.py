"""Boxes around objects of some classes: anchor-free, on a pyramid of the base's feature maps."""

import math
from dataclasses import dataclass, replace

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import as_tuple
from keras_transfer.tasks import Task
from keras_transfer.tasks.common.anchors import STRIDES, make_anchors
from keras_transfer.tasks.common.boxes import (
    NOTHING,
    move_boxes,
    parse_boxes,
    reaches_beyond,
    target_rows,
)
from keras_transfer.tasks.common.dense import PREFERRED_INPUTS, WITHOUT_MEANING, check_dense_views
from keras_transfer.tasks.common.detection_files import (
    DetectionFiles,
    predictions_of,
)
from keras_transfer.tasks.common.detection_head import detection_head
from keras_transfer.tasks.common.detection_rows import objects_of
from keras_transfer.tasks.common.detection_scoring import DetectionScoring
from keras_transfer.tasks.common.detection_showing import DetectionShowing
from keras_transfer.tasks.common.labels import check_classes, refuse_several
from keras_transfer.tasks.common.task_aligned import make_loss

COLUMNS = ("label", "xmin", "ymin", "xmax", "ymax")
SMALL_SHARE = 0.1  # of objects under the finest stride that is worth a warning
SCORE = 0.3  # from which on a detection is shown, where nothing has selected one


@dataclass(frozen=True)
class Detection(DetectionFiles, DetectionScoring, DetectionShowing, Task):
    """Any number of objects an example, each a class of `outputs` and a box.

    Targets: float32 (n, m, 6), a row an object: class number (-1: no object), the box x1 y1 x2 y2
    in 0 to 1 of what the model sees, and the side in pixels of a square as large as the image.
    Predictions: (boxes float32 (n, d, 4), scores float32 (n, d), class numbers int32 (n, d)), the
    surest first, -1 behind the last.
    """

    outputs: tuple[str, ...]
    size: tuple[int, int] = (0, 0)  # height and width of what the model sees
    score_from: float = SCORE
    form: str = ""  # of the outputs of a file, see `Task.form_of`
    name = "detection"
    headline = "map50"
    alike_enough = 0.85  # blends have many doubtful objects: of files that lose 0.003 agree 0.88
    mediapipe = "ObjectDetector"
    shown_scores = ("map", "map75", "recall")
    columns = COLUMNS
    taps = STRIDES
    kept_share = 1.0
    precedence = 3
    tabular = False
    turned = False  # the box about something that was turned is not known
    needs_geometry = True
    preferred_inputs = PREFERRED_INPUTS
    without_meaning = WITHOUT_MEANING
    probabilities = False
    draws = True
    class_score = "map50"
    judged_by_loss = False
    paired_score = "quality"

    @classmethod
    def fits(cls, labels, are_names, numbers):
        return False  # its own columns speak for it

    @classmethod
    def parse(cls, labels, shown, numbers=()):
        refuse_several(numbers, cls.name)
        labels, left = parse_boxes(labels, shown)
        for reason, names in left.items():
            progress.warn(f"{len(names)} boxes left out: {reason}; first: {names[0]}")
        return labels

    @classmethod
    def check(cls, labels, in_train, splits, least=2, kept=()):
        names = cls.strata(labels)
        if not any(found for found, inside in zip(names, in_train, strict=True) if inside):
            raise UserError("no boxes in the training images", f"{int(sum(in_train))} images")
        check_classes(names, in_train, splits, 1, kept)

    @classmethod
    def strata(cls, labels):
        return [tuple(sorted({box.label for box in boxes})) for boxes in labels]

    @classmethod
    def from_labels(cls, labels, train, numbers=()):
        return cls(tuple(sorted({box.label for boxes in labels for box in boxes})))

    @classmethod
    def from_outputs(cls, outputs, **settings):
        size = tuple(settings.pop("size", (0, 0)))
        return cls(tuple(outputs), size, **settings)

    @property
    def settings(self):
        return {"size": list(self.size), **({"form": self.form} if self.form else {})}

    def for_inputs(self, spec):
        return replace(self, size=tuple(spec.tensors[0].shape[:2]))

    def decided(self, thresholds):
        chosen = thresholds.get("score", {"threshold": SCORE})
        return replace(self, score_from=chosen["threshold"])

    @property
    def anchors(self):
        return make_anchors(self.size)

    # --- training

    @classmethod
    def remarks(cls, label, geometry):
        beyond = reaches_beyond(label, geometry)
        return ("boxes reach beyond the border and are clipped",) if beyond else ()

    def encode(self, labels, geometries=None):
        numbers = {name: place for place, name in enumerate(self.outputs)}
        pairs = zip(labels, geometries, strict=True)
        rows = [target_rows(boxes, geometry, numbers) for boxes, geometry in pairs]
        most = max([1, *map(len, rows)])
        return np.stack(
            [np.pad(r, [(0, most - len(r)), (0, 0)], constant_values=NOTHING) for r in rows]
        )

    def target_notes(self, targets):
        """Where many objects are smaller than a cell of the finest feature map."""
        sides = [np.sqrt(np.prod(own[:, 3:5] - own[:, 1:3], axis=1)) for own in objects_of(targets)]
        small = np.concatenate(sides) * math.sqrt(math.prod(self.size)) < STRIDES[0]
        if small.mean() < SMALL_SHARE:
            return ()
        text = f"{small.mean():.0%} of the objects are under {STRIDES[0]} x {STRIDES[0]} pixels of"
        return (f"{text} what the model sees: take a larger --image-size",)

    def move(self, targets, movements):
        return move_boxes(targets, movements)

    def build_head(self, tensors, settings):
        return detection_head(tensors, len(self.outputs), settings.dropout)

    def loss(self, mixed=False, smoothing=0.0):
        return make_loss(self.anchors, self.size, len(self.outputs))

    def check_settings(self, config):
        super().check_settings(config)
        check_dense_views(config, self.name)

    def postprocess(self, outputs):
        return predictions_of(as_tuple(outputs), self.form, self.anchors)

    def reorder(self, predictions, names):
        return predictions


TASK = Detection
