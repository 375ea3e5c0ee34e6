"""What people read and see of detections."""

from collections import Counter

import numpy as np

from keras_transfer.evaluate.dense_curves import box_confusion, box_curves, box_sizes
from keras_transfer.tasks.common.anchors import STRIDES
from keras_transfer.tasks.common.boxes import (
    box_texts,
    boxes_of,
    found_boxes,
    judged_boxes,
    read_box_texts,
    true_boxes,
)
from keras_transfer.tasks.common.detection_rows import detections_of, objects_of, scaled
from keras_transfer.tasks.common.drawing import VERDICTS, draw_boxes
from keras_transfer.tasks.common.labels import check_known_names


class DetectionShowing:
    """A detector's part of `tasks.common.protocol.showing`."""

    def figures(self, targets, predictions):
        pixels = np.tile(self.size[::-1], 2)
        objects, found = objects_of(targets), detections_of(predictions)
        shown = self.shown_of(predictions)
        inside, seen = ([scaled(one, pixels) for one in boxes] for boxes in (objects, shown))
        made = (
            box_curves(objects, found, self.outputs),
            box_confusion(objects, shown, self.outputs),
            box_sizes(inside, seen, STRIDES[0]),
        )
        return tuple(figure for figure in made if figure is not None)

    def carried_names(self, text):
        return sorted({box.label for box in read_box_texts(text)})

    def decode(self, prediction):
        """How many of each class, as "3 cat, 1 dog"; "nothing" where none is sure enough."""
        _, scores, numbers = prediction
        shown = numbers[(scores >= self.score_from) & (numbers >= 0)]
        counts = Counter(self.outputs[number] for number in shown.tolist())
        return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "nothing"

    def to_json(self, prediction, top=None, geometry=None):
        """`boxes`: label, score, box x1 y1 x2 y2, in pixels of the image where its size is known,
        else 0 to 1."""
        return {"boxes": boxes_of(prediction, self.outputs, self.score_from, geometry)}

    def draw(self, pixels, prediction, geometry=None):
        return draw_boxes(pixels, found_boxes(self._first(prediction), self.outputs, geometry))

    def draw_target(self, pixels, target):
        return draw_boxes(pixels, true_boxes(objects_of(target[None])[0], self.outputs))

    def draw_errors(self, pixels, prediction, target):
        """One image: found objects and invented ones with their scores, missed ones in white."""
        objects = objects_of(target[None])[0]
        return (draw_boxes(pixels, judged_boxes(objects, self._first(prediction), self.outputs)),)

    def draw_legend(self):
        return "What is shown of each image, and what was missed.", VERDICTS

    def _first(self, prediction):
        """What is shown of one example, see `shown_of`."""
        return self.shown_of([part[None] for part in prediction])[0]

    def label_text(self, label):
        return box_texts(label)

    def read_labels(self, texts, shown):
        return [read_box_texts(text) for text in texts]

    def check_known(self, labels):
        check_known_names(self.strata(labels), self.outputs)
