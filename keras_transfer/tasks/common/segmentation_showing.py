"""What people read and see of masks."""

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.evaluate.dense_curves import class_ious, pixel_confusion
from keras_transfer.evaluate.segmentation import confusions, ious
from keras_transfer.tasks.common.drawing import blend, colour
from keras_transfer.tasks.common.mask_files import IGNORED, classes_of, seen_from

LEAST_SHARE = 0.001  # of an image's pixels, from which on a class is named


class SegmentationShowing:
    """A segmentation's part of `tasks.common.protocol.showing`."""

    def figures(self, targets, predictions):
        matrices = confusions(targets, predictions, len(self.outputs), IGNORED)
        found = ious(matrices.sum(axis=0))
        made = pixel_confusion(matrices, self.outputs), class_ious(found, self.outputs)
        return tuple(figure for figure in made if figure is not None)

    def decode(self, prediction):
        """The classes with their shares of the image, the largest first."""
        shares = self._shares(prediction)
        return ", ".join(f"{name} {share:.0%}" for name, share in shares.items()) or "nothing"

    def to_json(self, prediction, top=None, geometry=None):
        """`shares`: of the image's pixels, by class."""
        return {"shares": {n: round(s, 4) for n, s in self._shares(prediction).items()}}

    def _shares(self, prediction):
        counts = np.bincount(prediction.ravel(), minlength=len(self.outputs))
        shares = counts / max(1, counts.sum())
        order = np.argsort(-shares, kind="stable")
        return {self.outputs[p]: float(shares[p]) for p in order if shares[p] >= LEAST_SHARE}

    def draw(self, pixels, prediction, geometry=None):
        if geometry is not None:
            prediction = seen_from(prediction, geometry)
        return blend(pixels, prediction, IGNORED)

    def draw_target(self, pixels, target):
        return blend(pixels, target, IGNORED)

    def draw_errors(self, pixels, prediction, target):
        """Two images: the predicted classes, and the true ones."""
        return self.draw(pixels, prediction), self.draw_target(pixels, target)

    def draw_legend(self):
        colours = {name: colour(place) for place, name in enumerate(self.outputs)}
        return "Above what is predicted, below what is true.", colours

    def mask(self, prediction, geometry):
        """Numbers as the masks had them that it learned from; 255 where the model did not look."""
        most = max(IGNORED, *self.numbers)
        table = np.full(256, IGNORED, np.uint8 if most == IGNORED else np.uint16)
        table[: len(self.numbers)] = self.numbers
        colours = [(0, 0, 0)] * (most + 1)
        for place, number in enumerate(self.numbers):
            colours[number] = colour(place)
        return table[seen_from(prediction, geometry)], colours

    def label_text(self, label):
        return label.path

    def check_known(self, labels):
        unknown = sorted(set(classes_of(labels).values()) - set(self.outputs))
        if unknown:
            known = f"It knows: {', '.join(self.outputs[:20])}"
            raise UserError("labels that the model does not know", unknown[0], known)
