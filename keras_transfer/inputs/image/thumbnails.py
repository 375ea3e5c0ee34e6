"""Small copies of images, to be looked at."""

import base64
import io
from html import escape
from pathlib import Path

import numpy as np

from keras_transfer.errors import ExampleError
from keras_transfer.inputs.image.decoders import DECODER_ERRORS, decode_carefully, open_image
from keras_transfer.inputs.image.reading import MAX_PIXELS

JPEG_QUALITY = 70


def preview(source, side):
    """RGB pixels uint8 (height, width, 3), neither side over `side`; None if it cannot be read.

    `source` is a path, the bytes of a file, or pixels uint8 (height, width, 3).
    """
    from PIL import Image

    try:
        image = Image.fromarray(_pixels(source, side))
    except (ExampleError, OSError):  # skipped in training too, or gone since
        return None
    image.thumbnail((side, side))
    return np.asarray(image)


def _pixels(source, side):
    if hasattr(source, "dtype"):
        return source
    image = open_image(source if isinstance(source, bytes) else Path(source).read_bytes())
    if image.width * image.height > MAX_PIXELS:
        raise ExampleError("too large")
    try:
        image.draft("RGB", (2 * side, 2 * side))  # a large JPEG is decoded at a fraction of it
    except DECODER_ERRORS as error:
        raise ExampleError("cut short or damaged") from error
    return decode_carefully(image)


def thumbnail(source, side, text):
    """An `<img>` with the image inside it; None if it cannot be read."""
    from PIL import Image

    pixels = preview(source, side)
    if pixels is None:
        return None
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    height, width = pixels.shape[:2]
    sides = f'width="{width}" height="{height}"'
    return f'<img src="data:image/jpeg;base64,{data}" {sides} alt="{escape(text)}">'
