"""Images that are odd or broken, made as the tests need them.

All show the same thing, four quarters: red, green, blue and yellow, each a gentle gradient.
"""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

WIDTH, HEIGHT = 96, 64
QUARTERS = {  # (row, column): RGB
    (0, 0): (200, 40, 40),
    (0, 1): (40, 180, 60),
    (1, 0): (40, 60, 200),
    (1, 1): (220, 200, 40),
}
STORED_TURNED = {  # EXIF orientation: how an upright image is stored so that it is shown upright
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels),
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: lambda pixels: np.rot90(pixels, -1),
}


def quarters(width=WIDTH, height=HEIGHT):
    """uint8 (height, width, 3): what all these images show."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.zeros((height, width, 3))
    for (row, column), colour in QUARTERS.items():
        here = (rows * 2 // height == row) & (columns * 2 // width == column)
        pixels[here] = colour
    return (
        (pixels + 30 * (rows / height + columns / width)[..., None] - 30)
        .clip(0, 255)
        .astype(np.uint8)
    )


def quarter_colours(pixels):
    """The mean colour of each quarter, away from the seams: {(row, column): RGB}."""
    height, width = pixels.shape[:2]
    colours = {}
    for row, column in QUARTERS:
        top, left = row * height // 2 + height // 8, column * width // 2 + width // 8
        part = pixels[top : top + height // 4, left : left + width // 4]
        colours[row, column] = part.reshape(-1, 3).mean(axis=0)
    return colours


def save_turned(path, orientation, pixels=None, **options):
    """An image that is stored turned, with the EXIF tag that says so."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = STORED_TURNED[orientation](quarters() if pixels is None else pixels)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if path.suffix == ".heic":
        path.write_bytes(heic_bytes(image, exif=exif.tobytes()))
    else:
        image.save(path, exif=exif, **options)
    return path


def heic_bytes(image, **options):
    """A HEIC of a Pillow image, written without teaching Pillow that kind."""
    file = BytesIO()
    pillow_heif.encode(image.mode, image.size, image.tobytes(), file, quality=95, **options)
    return file.getvalue()


def png_bytes(pixels, bits=8, chunks=()):
    """A PNG by hand, for what Pillow does not write: 16-bit RGB, extra chunks before the pixels.

    Args:
        pixels: integers (height, width) or (height, width, 3), below 2 ** bits.
        chunks: (name, content) pairs of bytes.
    """
    height, width = pixels.shape[:2]
    colour = 0 if pixels.ndim == 2 else 2
    rows = pixels.astype(">u2" if bits == 16 else np.uint8).reshape(height, -1)
    lines = b"".join(b"\x00" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in body)


def bomb_bytes(width=30_000, height=30_000):
    """A PNG of a few bytes whose header declares a huge image."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in body)


def damaged_tiffs():
    """TIFFs on which libtiff has something to say: {what is wrong with each: its bytes}."""
    file = BytesIO()
    Image.fromarray(quarters()).save(file, "TIFF", compression="tiff_lzw")
    whole = file.getvalue()
    pixels_at = int.from_bytes(whole[_tiff_entry(whole, 273) + 8 :][:4], "little")
    changes = {  # what: (place, bytes to write there)
        "bad codes": (pixels_at + 200, bytes(range(255, 155, -1))),
        "strip offset": (_tiff_entry(whole, 273) + 8, struct.pack("<I", 2**31)),
        "strip bytes": (_tiff_entry(whole, 279) + 8, struct.pack("<I", 0)),
        "strip type": (_tiff_entry(whole, 273) + 2, struct.pack("<H", 2)),
        "count of a tag": (_tiff_entry(whole, 284) + 4, struct.pack("<I", 3)),
        "samples": (_tiff_entry(whole, 277) + 8, struct.pack("<H", 40_000)),
    }
    damaged = {
        what: whole[:place] + change + whole[place + len(change) :]
        for what, (place, change) in changes.items()
    }
    return damaged | {"truncated": whole[: len(whole) * 6 // 10]}


def _tiff_entry(data, tag):
    """Where the entry of `tag` stands in a little-endian TIFF: tag, type, count, value."""
    first = int.from_bytes(data[4:8], "little")
    (number,) = struct.unpack_from("<H", data, first)
    entries = range(first + 2, first + 2 + 12 * number, 12)
    return next(at for at in entries if struct.unpack_from("<H", data, at)[0] == tag)


def make_odd_images(folder):
    """Write every kind of odd and broken image into `folder`: {what it is: its path}."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return {**_make_odd(folder), **_make_broken(folder)}


def _make_odd(folder):
    """Images that can be read, though they are not plain RGB JPEGs."""
    pixels = quarters()
    image = Image.fromarray(pixels)
    sixteen = pixels.astype(np.uint16) * 257
    files = {
        "plain JPEG": (image, "plain.jpg", {"quality": 95}),
        "grey JPEG": (image.convert("L"), "grey.jpg", {"quality": 95}),
        "progressive JPEG": (image, "progressive.jpg", {"progressive": True}),
        "CMYK JPEG": (image.convert("CMYK"), "cmyk.jpg", {"quality": 95}),
        "plain PNG": (image, "plain.png", {}),
        "16-bit grey TIFF": (Image.fromarray(sixteen[..., 1]), "grey16.tiff", {}),
        "palette PNG": (image.quantize(64), "palette.png", {}),
        "one-bit PNG": (image.convert("1"), "onebit.png", {}),
        "grey-alpha PNG": (_with_alpha(image).convert("LA"), "greyalpha.png", {}),
        "alpha PNG": (_with_alpha(image), "alpha.png", {}),
        "WebP": (image, "plain.webp", {"lossless": True}),
        "alpha WebP": (_with_alpha(image), "alpha.webp", {"lossless": True, "exact": True}),
        "TIFF": (image, "plain.tif", {"compression": "tiff_lzw"}),
        "BMP": (image, "plain.bmp", {}),
        "GIF": (image.quantize(64), "plain.gif", {}),
        "AVIF": (image, "plain.avif", {"quality": 95}),
        "grey AVIF": (image.convert("L"), "grey.avif", {"quality": 95}),
        "alpha AVIF": (_with_alpha(image), "alpha.avif", {"quality": 95}),
    }
    made = {}
    for what, (variant, name, options) in files.items():
        made[what] = folder / name
        variant.save(made[what], **options)
    others = [Image.new("RGB", image.size, "black")]
    made["animated GIF"] = folder / "animated.gif"
    image.save(made["animated GIF"], save_all=True, append_images=others)
    made["animated WebP"] = folder / "animated.webp"
    image.save(made["animated WebP"], save_all=True, append_images=others, lossless=True)
    made["EXIF-rotated JPEG"] = save_turned(folder / "rotated.jpg", 6, quality=95)
    for what, name, data in (
        ("16-bit grey PNG", "grey16.png", png_bytes(sixteen[..., 1], 16)),
        ("16-bit RGB PNG", "rgb16.png", png_bytes(sixteen, 16)),
        ("PNG named .jpg", "really_a_png.jpg", png_bytes(pixels)),
        ("HEIC", "plain.heic", heic_bytes(image)),
        ("grey HEIC", "grey.heic", heic_bytes(image.convert("L"))),
        ("alpha HEIC", "alpha.heic", heic_bytes(_with_alpha(image))),
    ):
        made[what] = folder / name
        made[what].write_bytes(data)
    return made


def _make_broken(folder):
    """Images that must be refused."""
    whole = folder / "whole"
    whole.mkdir(exist_ok=True)
    made = {}
    for ending, options in (
        ("jpg", {"quality": 95}),
        ("png", {}),
        ("webp", {"lossless": True}),
        ("gif", {}),
        ("bmp", {}),
        ("tiff", {"compression": "tiff_lzw"}),
        ("avif", {}),
        ("heic", {}),
    ):
        file = save_turned(whole / f"whole.{ending}", 1, **options)
        data = file.read_bytes()
        made[f"truncated {ending}"] = folder / f"truncated.{ending}"
        made[f"truncated {ending}"].write_bytes(data[: len(data) * 6 // 10])
        file.unlink()
    whole.rmdir()
    for what, name, data in (
        ("empty file", "empty.jpg", b""),
        ("text", "text.jpg", b"This is not an image at all, only words.\n" * 20),
        ("30,000 x 30,000", "bomb.png", bomb_bytes()),
    ):
        made[what] = folder / name
        made[what].write_bytes(data)
    return made


def _with_alpha(image):
    """The image with its left half wholly transparent."""
    alpha = np.full((image.height, image.width), 255, np.uint8)
    alpha[:, : image.width // 2] = 0
    return Image.fromarray(np.dstack([np.asarray(image), alpha]))


def _chunk(name, content):
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def noise(width, height, seed=0):
    """An image in which every pixel counts: smooth waves and grain."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = 128 + 90 * np.sin(rows / 7)[..., None] * np.cos(columns[..., None] / (5, 9, 13))
    grain = np.random.default_rng(seed).normal(0, 20, (height, width, 3))
    return (waves + grain).clip(0, 255).astype(np.uint8)
