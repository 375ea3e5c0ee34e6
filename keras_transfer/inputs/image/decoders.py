"""Bytes of an image -> pixels, by the decoder that suits.

Pillow decides what an image is and reads every kind; TensorFlow's decoders take over in the
plain cases where they give the same bits sooner (tests/test_images.py compares).
"""

import contextlib
import functools
import logging
import re
import struct
import threading
import warnings
import zlib

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.errors import ExampleError

FAST_JPEG_PIXELS = 1_000_000  # below, Pillow is as quick; at 12 million TensorFlow is 4 x quicker
TURNS = {  # EXIF orientation: how stored pixels become upright ones (Exif 2.32, tag 0x0112)
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: lambda pixels: np.rot90(pixels),
}
# Chunks of a PNG that change no pixel of a plain image; tRNS, eXIf, acTL and texts may.
PLAIN_PNG_CHUNKS = frozenset(b"IHDR PLTE IDAT IEND gAMA cHRM sRGB iCCP pHYs tIME sBIT bKGD".split())
# What Pillow's readers raise on broken files: `Image.open` itself expects SyntaxError, IndexError,
# TypeError and struct.error of them, load() passes on the others.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,  # of the readers of AVIF and HEIC
    struct.error,
    zlib.error,
)
PILLOW_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "AVIF")
HEIC_COMMAND = "pip install 'keras_transfer[heic]'"
BRANDS = {  # in the box `ftyp` that such files begin with (ISO/IEC 23008-12; AVIF v1.1.0): kind
    b"avif": "avif",
    b"avis": "avif",
    b"heic": "heic",
    b"heix": "heic",
    b"hevc": "heic",
    b"hevx": "heic",
    b"heim": "heic",
    b"heis": "heic",
}
PILLOW_FILTER = ("ignore", None, Warning, re.compile(r"PIL\."), 0)

_opening = threading.Lock()


def boxed_kind(data):
    """ "avif" or "heic", as the first box of a file says (ISO/IEC 14496-12, 4.3); else ""."""
    head = bytes(data[:256])
    if head[4:8] != b"ftyp":
        return ""
    end = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(end, len(head)), 4))]
    named = [BRANDS[brand] for brand in brands if brand in BRANDS]
    if not named and {b"mif1", b"msf1"}.intersection(brands):  # both kinds may carry these
        return "heic"
    return named[0] if named else ""


def open_image(data):
    """The Pillow image of `data`: its header is read, its pixels are not.

    Raises: ExampleError for a broken header, and for HEIC where its extra is not installed.
    """
    from io import BytesIO

    from PIL import Image

    _hush_pillow()
    with _opening:  # Pillow's limit belongs to the whole process: one thread at a time
        heic = boxed_kind(data) == "heic"
        if heic:
            _register_heic()
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # ours is asked instead
        try:
            return Image.open(BytesIO(data), formats=("HEIF",) if heic else PILLOW_FORMATS)
        except DECODER_ERRORS as error:
            raise ExampleError("cut short or damaged") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _register_heic():
    """Teach Pillow to read HEIC, once for the process."""
    from PIL import Image

    if "HEIF" in Image.OPEN:
        return
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ExampleError(f"HEIC needs an extra: {HEIC_COMMAND}") from error
    register_heif_opener()


def _hush_pillow():
    """Keep remarks of Pillow and its libtiff on odd files from the screen.

    `warnings.catch_warnings`, or another file descriptor 2, would be undone by other threads and
    would swallow what they write; what is set here stays.
    """
    if PILLOW_FILTER not in warnings.filters:
        warnings.filterwarnings("ignore", module=PILLOW_FILTER[3].pattern)
    _hush_libtiff()


@functools.cache
def _hush_libtiff():
    """Without a handler libtiff writes nothing; Pillow raises by the codes that it returns."""
    import ctypes

    from PIL import Image

    logging.getLogger("PIL").addHandler(logging.NullHandler())  # else its errors go to stderr
    # The dynamic linker looks through what Pillow's extension is linked with: the very libtiff that
    # it calls. Where that is built in there is no such name, and its lines are seen.
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler(None)


def decode_fast(data, kind, image):
    """The pixels by TensorFlow's decoder, or None where Pillow must do it or is as quick."""
    if kind == "jpeg" and image.width * image.height <= FAST_JPEG_PIXELS:
        return None
    plain = decode_plain(data, kind, image)
    return plain and plain[0]


def decode_plain(data, kind, image):
    """(pixels by TensorFlow's decoder, the EXIF orientation they had), or None.

    None is for what only Pillow reads, or reads otherwise.
    """
    if kind == "jpeg" and _is_plain_jpeg(data, image):
        orientation = _orientation(image)
        tf = load_tensorflow()
        decode = functools.partial(tf.io.decode_jpeg, dct_method="INTEGER_ACCURATE")
    elif kind == "png" and _is_plain_png(data):
        orientation = 1
        tf = load_tensorflow()
        decode = tf.io.decode_png
    else:
        return None
    try:
        pixels = decode(data, channels=3).numpy()
    except tf.errors.InvalidArgumentError:
        return None  # Pillow then says whether it is broken
    if orientation not in TURNS:
        return pixels, 1
    return np.ascontiguousarray(TURNS[orientation](pixels)), orientation


def _is_plain_jpeg(data, image):
    """Whether a JPEG is grey or RGB, and whole as far as its end marker tells.

    Without the end marker TensorFlow's decoder complains on stderr before it refuses.
    """
    if image.format != "JPEG" or image.mode not in ("RGB", "L"):
        return False
    return data.find(b"\xff\xd9", image.fp.tell()) > 0  # Pillow stopped where the scan begins


def _is_plain_png(data):
    """Whether a PNG is 8-bit grey or RGB, whole, still, without transparency or EXIF."""
    if len(data) < 33 or data[24] != 8 or data[25] not in (0, 2):
        return False
    position, name = 8, b""
    while position + 12 <= len(data) and name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, position)
        if name not in PLAIN_PNG_CHUNKS:
            return False
        position += length + 12
    return name == b"IEND" and position <= len(data)


def _orientation(image):
    """The EXIF orientation of an image, 1 (upright) where its EXIF is absent or broken."""
    try:
        return image.getexif().get(0x0112, 1)
    except DECODER_ERRORS:
        return 1


def decode_carefully(image):
    """The pixels by Pillow, whatever the kind."""
    from PIL import ImageOps

    try:
        image.load()
    except DECODER_ERRORS as error:
        raise ExampleError("cut short or damaged") from error
    # Broken EXIF says nothing about the pixels: they are then shown as they lie.
    with contextlib.suppress(*DECODER_ERRORS):
        image = ImageOps.exif_transpose(image)
    try:
        return _to_rgb(image)
    except DECODER_ERRORS as error:
        raise ExampleError(f"its colours ({image.mode}) cannot be read as RGB") from error


def _to_rgb(image):
    """uint8 (height, width, 3) of a Pillow image in any mode."""
    from PIL import Image

    if image.mode == "I" or image.mode.startswith("I;16"):
        # convert("RGB") clips these at 255 instead of scaling them.
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ExampleError("32-bit pixels: save it with 8 or 16 bits")
        grey = ((grey * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise ExampleError("floating-point pixels: save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))
