"""Images that come as an array: the pixels are checked, never guessed at."""

import numpy as np

from keras_transfer.errors import UserError

PIXEL_ADVICE = "Pass uint8 pixels 0..255; scaling is the model's business"


def rgb(images):
    """Images as uint8 (n, height, width, 3); UserError for other types and shapes."""
    images = np.asarray(images)
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
