"""Predictions drawn: images with boxes or classes in them, and masks, a file for each example."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from keras_transfer.environment import atomic_write
from keras_transfer.errors import UserError
from keras_transfer.run.predictor import find_examples

QUALITY = 90  # of JPEG


class DrawnFiles:
    """Writes them; a function for `Predictor.predict`.

    Args:
        predictor: `run.predictor.Predictor`; paths: as of its `predict`.
        overlay, masks: new or empty folders; None where nothing of the kind is wanted.

    Raises:
        UserError: a folder is taken, or the model's task has nothing to draw.
    """

    def __init__(self, predictor, paths, overlay=None, masks=None):
        self._task, self._modality = predictor.task, predictor.modality
        self._inputs, self._folders = predictor.spec.inputs, {}
        wanted = (
            ("--overlay", overlay, self._task.draws),
            ("--masks", masks, self._task.has_masks),
        )
        for flag, folder, possible in wanted:
            if folder is not None:
                _check(flag, folder, possible, self._task)
                self._folders[flag] = Path(folder)
        files = [os.path.abspath(file) for file in find_examples(paths, self._modality)]
        self._root = os.path.commonpath([os.path.dirname(file) for file in files])
        self._stems = Counter(os.path.splitext(file)[0] for file in files)

    def __call__(self, file, prediction, geometry):
        """Write what is wanted of one file."""
        below = self._below(os.path.abspath(file))
        if "--overlay" in self._folders:
            pixels = self._modality.load_whole(str(file), self._inputs).arrays
            drawn = self._task.draw(np.asarray(pixels), prediction, geometry)
            _save(drawn, None, self._folders["--overlay"] / f"{below}.jpg")
        if "--masks" in self._folders:
            numbers, colours = self._task.mask(prediction, geometry)
            _save(numbers, colours, self._folders["--masks"] / f"{below}.png")

    def _below(self, file):
        """Where an example's files lie in a folder, without their ending: as it does itself. Of two
        that differ in their endings alone, with these."""
        stem = os.path.splitext(file)[0]
        return os.path.relpath(file if self._stems[stem] > 1 else stem, self._root)


def _check(flag, folder, possible, task):
    """Refuse what cannot be drawn, and a folder with something in it."""
    if not possible:
        raise UserError(f"{flag} has nothing to draw", f"task {task.name}", "Leave it out")
    free = folder and (not os.path.lexists(folder) or _is_empty(folder))
    if not free:
        raise UserError(f"{flag} needs a new folder", repr(folder), "Name another")


def _is_empty(folder):
    return os.path.isdir(folder) and not os.listdir(folder)


def _save(pixels, colours, path):
    """Write an image, whole; `colours`: of numbers of one byte, else None."""
    from PIL import Image

    image = Image.fromarray(pixels)
    if colours is not None and pixels.dtype == np.uint8:
        image.putpalette(np.array(colours, np.uint8).tobytes())
    form = {".jpg": {"format": "JPEG", "quality": QUALITY}, ".png": {"format": "PNG"}}
    with atomic_write(path) as fresh:
        image.save(fresh, **form[path.suffix])
