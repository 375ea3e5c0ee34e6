"""A class for each pixel: a pyramid of the base's feature maps, summed and enlarged."""

from dataclasses import dataclass, replace

import numpy as np

from keras_transfer.errors import ExampleError, UserError, count
from keras_transfer.evaluate.segmentation import confusions, ious, score_segmentation
from keras_transfer.tasks import Task
from keras_transfer.tasks.common.dense import PREFERRED_INPUTS, WITHOUT_MEANING, check_dense_views
from keras_transfer.tasks.common.flatbuffer_tables import TableWriter
from keras_transfer.tasks.common.labels import refuse_several
from keras_transfer.tasks.common.mask_files import (
    IGNORED,
    classes_of,
    look_into,
    moved,
    placed,
    read_mask,
    unknown_numbers,
)
from keras_transfer.tasks.common.phone_metadata import PhoneMetadata, PhoneOutput
from keras_transfer.tasks.common.pixel_loss import make_loss
from keras_transfer.tasks.common.segmentation_head import segmentation_head
from keras_transfer.tasks.common.segmentation_showing import SegmentationShowing

STRIDES = (4, 8, 16, 32)
MOST_CLASSES = 254
LEAST_SHARE = 0.001  # of an image's pixels, that a class has to have for a draw to care


@dataclass(frozen=True, kw_only=True)
class Settings:
    ignore: int | None = None
    """Of masks: a number whose pixels say nothing, besides 255."""

    LIMITS = {"ignore": (0, 65535)}  # noqa: RUF012


@dataclass(frozen=True)
class Segmentation(SegmentationShowing, Task):
    """Each pixel of what the model sees has one class of `outputs`.

    Targets: uint8 (n, h, w), class numbers, 255 where a pixel says nothing. Predictions: class
    numbers uint8 (n, h, w).
    """

    outputs: tuple[str, ...]
    numbers: tuple[int, ...] = ()  # of the masks, one an output
    size: tuple[int, int] = (0, 0)  # height and width of what the model sees
    name = "segmentation"
    headline = "miou"
    mediapipe = "ImageSegmenter"
    shown_scores = ("pixel_accuracy", "boundary_f1")
    output_names = ("probabilities",)
    columns = ("mask",)
    taps = STRIDES
    head_steps = 600
    head_rate = 1e-2
    kept_share = 1.0
    stages_below = 1  # the last at stride 16 (docs/how-it-works.md)
    precedence = 3
    tabular = False
    needs_geometry = True
    preferred_inputs = PREFERRED_INPUTS
    without_meaning = WITHOUT_MEANING
    paired_score = "image_miou"
    draws = True
    has_masks = True
    class_score = "iou"
    judged_by_loss = False

    @classmethod
    def fits(cls, labels, are_names, numbers):
        return False  # its own column speaks for it

    @classmethod
    def parse(cls, labels, shown, numbers=()):
        refuse_several(numbers, cls.name)
        several = [name for rows, name in zip(labels, shown, strict=True) if len(rows) != 1]
        if several:
            raise UserError("images with several masks", several[0], "One mask an image")
        cells = [rows[0] for rows in labels]
        return look_into([c["mask"] for c in cells], [c.get("classes", "") for c in cells])

    @classmethod
    def with_settings(cls, labels, config):
        ignore = getattr(config, "ignore", None)
        if ignore is None:
            return labels
        return [mask._replace(ignored=(*mask.ignored, ignore)) for mask in labels]

    @classmethod
    def check(cls, labels, in_train, splits, least=2, kept=()):
        train = [mask for mask, inside in zip(labels, in_train, strict=True) if inside]
        known = classes_of(labels)
        if len(known) < 2:
            found = ", ".join(known.values()) or "no class"
            raise UserError("only one class to learn in the masks", found, "Name others")
        if len(known) > MOST_CLASSES:
            raise UserError("too many classes in the masks", len(known), f"At most {MOST_CLASSES}")
        if not any(set(mask.numbers) & set(known) for mask in train):
            raise UserError("no labelled pixel in the training masks", count(len(train), "mask"))

    @classmethod
    def strata(cls, labels):
        names = classes_of(labels)
        return [tuple(names[n] for n in mask.numbers if n in names) for mask in labels]

    @classmethod
    def from_labels(cls, labels, train, numbers=()):
        known = sorted(classes_of(labels).items())
        return cls(tuple(name for _, name in known), tuple(number for number, _ in known))

    @classmethod
    def from_outputs(cls, outputs, **settings):
        given = {name: tuple(value) for name, value in settings.items()}
        return cls(tuple(outputs), **given)

    @property
    def settings(self):
        return {"numbers": list(self.numbers), "size": list(self.size)}

    def for_inputs(self, spec):
        return replace(self, size=tuple(spec.tensors[0].shape[:2]))

    # --- training

    @classmethod
    def remarks(cls, label, geometry):
        if label.size is None:
            raise ExampleError(label.reason)
        if label.size != (geometry.width, geometry.height):
            sizes = f"{label.size[0]} x {label.size[1]}, {geometry.width} x {geometry.height}"
            raise ExampleError(f"its mask has another size than the image ({sizes})")
        unknown = unknown_numbers(label)
        if unknown:
            raise ExampleError(f"its mask holds the number {unknown[0]}, which has no name")
        return ()

    def encode(self, labels, geometries=None):
        table = np.full(2**16, IGNORED, np.uint8)
        table[list(self.numbers)] = np.arange(len(self.numbers))
        targets = np.empty((len(labels), *self.size), np.uint8)
        for row, mask, geometry in zip(targets, labels, geometries, strict=True):
            row[:] = placed(table[read_mask(mask.path)], geometry, self.size)
        return targets

    def move(self, targets, movements):
        pairs = zip(targets, movements, strict=True)
        return np.stack([moved(pixels, movement) for pixels, movement in pairs])

    def build_head(self, tensors, settings):
        return segmentation_head(tensors, len(self.outputs), self.size, settings.dropout)

    def loss(self, mixed=False, smoothing=0.0):
        return make_loss(IGNORED)

    def check_settings(self, config):
        super().check_settings(config)
        check_dense_views(config, self.name)

    def postprocess(self, outputs):
        return outputs.argmax(axis=-1).astype(np.uint8)

    # --- files

    def phone_metadata(self):
        output = PhoneOutput("probabilities", "Of each class", "mask", (1, 2), "axis")
        writer = TableWriter(64)
        activation = ("Int8", 0)  # none: they are probabilities
        options = writer.finish(writer.table(activation), b"V001")
        return PhoneMetadata((output,), None, ("SEGMENTER_METADATA", options))

    def served(self, tf, predictions):
        """`class_numbers`: uint8 (n, h, w), of the likeliest class of each pixel."""
        return {"class_numbers": tf.cast(tf.argmax(predictions, axis=-1), tf.uint8)}

    # --- how good it is

    def log_losses(self, targets, predictions):
        """One less the mean IoU of each image's classes (n,)."""
        return 1.0 - self.example_scores(targets, predictions)

    def example_scores(self, targets, predictions):
        """The mean IoU (n,) of the classes that are in an image, or predicted there."""
        matrices = confusions(targets, predictions, len(self.outputs), IGNORED)
        found = ious(matrices)
        known = ~np.isnan(found)
        means = np.where(known, found, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        return np.where(known.any(axis=1), means, 1.0)

    def agreement(self, expected, found):
        """The share of pixels (n,) for which two models predict the same class."""
        return (expected == found).mean(axis=(1, 2))

    def apart(self, expected, found):
        """1 for each pixel of which they predict different classes."""
        return (expected != found).ravel().astype(np.float64)

    def difference(self, expected, found):
        """Of probabilities."""
        return float(np.abs(expected - found).max())

    def score(self, targets, predictions, groups=None, seed=0):
        given = targets, predictions, list(self.outputs), IGNORED
        return score_segmentation(*given, groups, seed)

    def reorder(self, predictions, names):
        return predictions


TASK = Segmentation
