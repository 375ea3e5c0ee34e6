"""The outputs of a detector's files in their forms, and what phones are to know of them."""

from dataclasses import replace

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.tasks.common.anchors import decode
from keras_transfer.tasks.common.flatbuffer_tables import TableWriter
from keras_transfer.tasks.common.phone_metadata import PhoneMetadata, PhoneOutput
from keras_transfer.tasks.common.protocol.exporting import APP, DECODED, POSTPROCESSED
from keras_transfer.tasks.common.suppression import combined, suppress, suppress_one

OUTPUTS = {  # form: names of the outputs
    "": ("location", "score"),
    DECODED: ("boxes", "score"),
    POSTPROCESSED: ("location", "category", "score", "number of detections"),
}
CHANNELS = 4  # numbers of a location


def finish(tf, outputs, form, anchors):
    """The outputs of a file of a form, from those of the layers "location" and "score"."""
    if not form:
        return list(outputs)
    locations, scores = outputs
    boxes = tf.concat(decode(locations, anchors), axis=-1)
    return [boxes, scores] if form == DECODED else suppress_one(tf, boxes, scores)


def predictions_of(outputs, form, anchors):
    """(boxes, scores, class numbers), see `tasks.detection`, from what a model or file gave.

    Args:
        outputs: a tuple of arrays (n, ...): as `finish`, or the model's own output alone.
    """
    if form == POSTPROCESSED:
        boxes, numbers, scores, counts = outputs
        there = np.arange(scores.shape[1]) < counts.reshape(-1, 1)
        numbers = np.where(there, np.round(numbers), -1).astype(np.int32)
        return boxes[..., [1, 0, 3, 2]], scores * there, numbers
    first, *rest = outputs
    boxes, scores = (first, rest[0]) if rest else (first[..., :CHANNELS], first[..., CHANNELS:])
    if form != DECODED:
        boxes = np.concatenate(decode(boxes, anchors), axis=-1)
    return suppress(boxes, scores)


def served(tf, boxes, scores, names):
    """Detections of a server's signature: {"detection_boxes": float32 (n, d, 4), x1 y1 x2 y2, 0 to
    1; "detection_scores": (n, d); "detection_labels": string (n, d); "detections": int32 (n,), how
    many there are}."""
    boxes, sure, numbers, counts = combined(tf, boxes, scores)
    labels = tf.gather(tf.constant(list(names)), tf.cast(numbers, tf.int32))
    return {
        "detection_boxes": boxes,
        "detection_scores": sure,
        "detection_labels": labels,
        "detections": counts,
    }


def phone_metadata(form, anchors, classes):
    """The PhoneMetadata of a detector, as MediaPipe's ObjectDetector reads it."""
    where = PhoneOutput("location", "The boxes", "boxes", (2, 2))
    if form == POSTPROCESSED:
        outputs = (
            where,
            PhoneOutput("category", "The number of each class", dimensions=(2, 2), labels="value"),
            PhoneOutput("score", "How sure each is", dimensions=(2, 2)),
            PhoneOutput("number of detections", "How many there are"),
        )
        group = "detection_result", ("location", "category", "score")
        return PhoneMetadata(outputs, group)
    outputs = where._replace(dimensions=None), PhoneOutput("score", "Of each class", labels="axis")
    return PhoneMetadata(outputs, None, ("DETECTOR_METADATA", _options(anchors, classes)))


def _options(anchors, classes):
    """The flatbuffer `ObjectDetectorOptions`: how locations become boxes."""
    writer = TableWriter(64 * len(anchors.middles))
    cells = np.concatenate([anchors.middles, anchors.sides], axis=1).tolist()
    fixed = writer.tables([writer.table(*(("Float32", one) for one in cell)) for cell in cells])
    fixed = writer.table(writer.table(fixed))
    # classes, boxes, numbers of a box; no key points, for which MediaPipe wants 2 numbers each
    counts = (classes, len(cells), CHANNELS, CHANNELS, 0, 2)
    decoding = writer.table(
        *(("Int32", count) for count in counts),
        *(("Float32", 1.0) for _ in range(CHANNELS)),
        ("Bool", False),  # no exponential of the sides
        ("Bool", False),  # scores are probabilities
    )
    return writer.finish(writer.table(None, fixed, decoding), b"V001")


class DetectionFiles:
    """A detector's part of `tasks.common.protocol.exporting`."""

    @property
    def output_names(self):
        return OUTPUTS[self.form]

    @property
    def one_by_one(self):
        return self.form == POSTPROCESSED

    def form_of(self, form):
        return replace(self, form=POSTPROCESSED if form == APP else form)

    @property
    def shown_from(self):
        return self.score_from

    def export_model(self, model):
        parts = [model.get_layer(name).output for name in OUTPUTS[""]]
        return load_keras().Model(model.input, parts)

    def finish_in_graph(self, tf, outputs):
        return finish(tf, outputs, self.form, self.anchors)

    def phone_metadata(self):
        return phone_metadata(self.form, self.anchors, len(self.outputs))

    def served(self, tf, predictions):
        return served(tf, *predictions, self.outputs)
