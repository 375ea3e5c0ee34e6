"""One image, the same everywhere: in training, evaluation, prediction and export."""

import threading
from pathlib import Path

from keras_transfer.errors import ExampleError
from keras_transfer.inputs.image.decoders import (
    boxed_kind,
    decode_carefully,
    decode_fast,
    open_image,
)
from keras_transfer.inputs.image.resizing import compiled_resize, sides

MAX_PIXELS = 200_000_000
ENDINGS = {  # kind of image: endings of its files
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "bmp": (".bmp",),
    "gif": (".gif",),
    "webp": (".webp",),
    "tiff": (".tif", ".tiff"),
    "avif": (".avif",),
    "heic": (".heic", ".heif", ".hif"),
}
IMAGE_ENDINGS = frozenset(ending for endings in ENDINGS.values() for ending in endings)
MAGIC = (  # first bytes of a file, kind
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"BM", "bmp"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),  # BigTIFF
    (b"MM\x00+", "tiff"),
)

ORIENTATION = 0x0112  # the EXIF tag of a turned image
TURNED_FROM = 5  # values from which on it lies on its side

_compiling = threading.Lock()


def image_kind(data):
    """The kind of image that begins with the bytes `data` (a key of ENDINGS), or ""."""
    head = bytes(data[:16])
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return next((kind for magic, kind in MAGIC if head.startswith(magic)), boxed_kind(data))


def fits_ending(path, kind):
    """Whether the file name `path` ends as images of this kind do; case does not matter."""
    return Path(path).suffix.lower() in ENDINGS.get(kind, ())


def read_image(source, max_pixels=MAX_PIXELS):
    """The RGB pixels of an image, upright, as a person would see it on white paper.

    EXIF rotation is applied; grey, palette, alpha, CMYK and 16 bit become 8-bit RGB; of an
    animation the first frame is taken.

    Args:
        source: path of a file, or its bytes.
        max_pixels: an image that declares more is refused before anything is decoded.

    Returns: uint8 (height, width, 3).
    Raises: ExampleError with a short reason.
    """
    data = read_bytes(source)
    kind = image_kind(data)
    if not kind:
        raise ExampleError(f"not an image ({', '.join(ENDINGS)})")
    image = open_image(data)
    if image.width * image.height > max_pixels:
        raise ExampleError(
            f"{image.width} x {image.height} is over {max_pixels} pixels (--max-pixels)"
        )
    pixels = decode_fast(data, kind, image)
    return decode_carefully(image) if pixels is None else pixels


def load_image(source, size, how="squeeze", max_pixels=MAX_PIXELS, resize_filter="antialias"):
    """An image as a network gets it: read, resized; uint8 (height, width, 3). Thread-safe.

    `size` is (height, width), or one number for a square; `source` a path, the bytes of a file, or
    pixels uint8 (height, width, 3).

    Raises: ExampleError; UserError for an unknown `how`.
    """
    return load_with_shape(source, size, how, max_pixels, resize_filter)[0]


def load_with_shape(source, size, how, max_pixels, resize_filter):
    """(what `load_image` gives, the height and width that the image had)."""
    with _compiling:  # two threads that load TensorFlow at once would lose stderr for good
        resize = compiled_resize(size, how, resize_filter)
    pixels = source if hasattr(source, "dtype") else read_image(source, max_pixels)
    shape = pixels.shape[:2]
    return (pixels if shape == sides(size) else resize(pixels).numpy()), shape


def shape_of(source):
    """(height, width) that `read_image` gives, from the file's first bytes; of pixels their own.

    Raises: ExampleError.
    """
    if hasattr(source, "dtype"):
        return source.shape[:2]
    image = open_image(read_bytes(source))
    upright = image.getexif().get(ORIENTATION, 1) < TURNED_FROM
    return (image.height, image.width) if upright else (image.width, image.height)


def read_bytes(source):
    """The bytes of a file, given by its path or as they are; ExampleError where there are none."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    else:
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise ExampleError(f"cannot be opened: {error.strerror or error}") from error
    if not data:
        raise ExampleError("the file is empty")
    return data
