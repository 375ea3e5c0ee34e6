"""Read (images, labels) arrays: check the pixels, name the labels."""

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.tasks.labels import plain_label

PIXEL_ADVICE = "Pass uint8 pixels 0..255; scaling is the model's business"


def read_arrays(images, labels):
    """Arrays as images.

    Args:
        images: uint8 (n, height, width, 3), (n, height, width, 1) or (n, height, width).
        labels: n labels: names, numbers, tuples of names, or (n, k) numbers to predict.

    Returns: uint8 (n, height, width, 3); a list of n plain labels; names of numeric targets.
    Raises: UserError.
    """
    images = _rgb(np.asarray(images))
    labels, targets = _plain_labels(labels)
    if len(labels) != len(images):
        raise UserError("images and labels differ in number", f"{len(images)} and {len(labels)}")
    if not len(images):
        raise UserError("the arrays are empty", "", "Pass at least two images a class")
    return images, labels, targets


def _rgb(images):
    if images.dtype != np.uint8:
        found = str(images.dtype)
        if images.size and np.issubdtype(images.dtype, np.number):
            found += f", {images.min():g} to {images.max():g}"
        # Guessing would be wrong for dark images, so the scale is asked for.
        advice = "If they are 0..1: (images * 255).round().astype('uint8')"
        raise UserError("pixels of arrays must be uint8", found, f"{PIXEL_ADVICE}. {advice}")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise UserError(
            "images must have the shape (n, height, width, 3), (n, height, width, 1) or "
            "(n, height, width)",
            str(images.shape),
        )
    if 0 in images.shape[1:]:
        raise UserError("images have no pixels", str(images.shape))
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images


def _plain_labels(labels):
    """Labels as str or tuples of str, and target names where each image has several numbers."""
    if isinstance(labels, np.ndarray) and labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]  # as keras.datasets deliver them
    if not isinstance(labels, np.ndarray) or labels.ndim == 1:
        return [plain_label(label) for label in labels], ()
    if labels.ndim != 2:
        raise UserError("labels must be one an image", f"shape {labels.shape}")
    if np.isin(labels, (0, 1)).all():
        raise UserError(
            "labels are rows of 0 and 1",
            f"shape {labels.shape}",
            "Pass labels.argmax(axis=1) for classes, or a list of tuples of names",
        )
    targets = tuple(str(number) for number in range(labels.shape[1]))
    return [tuple(plain_label(value) for value in row) for row in labels], targets
