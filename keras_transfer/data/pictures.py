"""Every picture read once: what cannot be read is left out, the rest is at hand as pixels."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.data.images import fits_ending, load_picture, picture_kind, resize_pixels
from keras_transfer.errors import PictureError, UserError

MEMORY_LIMIT = 2**30  # bytes of decoded pictures kept; above it they are decoded again on use
WORKERS = os.cpu_count() or 2


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size, by row number.

    Attributes:
        table: the readable pictures, one row each, with their `sha256`.
        left_out: the unreadable ones: path, reason.
        notes: lines about pictures that were read but are not what they seem.
    """

    table: object
    size: int
    resize: str
    max_pixels: int
    left_out: object
    images: np.ndarray | None = None
    pixels: np.ndarray | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __len__(self):
        return len(self.table)

    def batch(self, rows):
        """Pixels uint8 (len(rows), size, size, 3) of the pictures with these row numbers."""
        if self.pixels is not None:
            return self.pixels[rows]
        paths = self.table["path"].to_numpy()[rows]

        def load(path):
            return _load(path, self.images, self.size, self.resize, self.max_pixels)[0]

        with ThreadPoolExecutor(WORKERS) as pool:
            return np.stack(list(pool.map(load, paths)))


def _load(path, images, size, resize, max_pixels):
    """(pixels, what they came from): a file's bytes, or the row `path` of `images`."""
    if images is not None:
        image = images[int(path)]
        return np.asarray(resize_pixels(image, size, resize)).astype(np.uint8), _as_bytes(image)
    data = Path(path).read_bytes()
    return load_picture(data, size, resize, max_pixels), data


def _as_bytes(image):
    """What tells a picture of an array from others: its pixels, and its shape."""
    return repr(image.shape).encode() + image.tobytes()


def read_pictures(source, size, resize, max_pixels):
    """Decode and resize every picture of `source` once.

    Args:
        source: a `data.sources.Source`.
        size: pixels a side; resize: squeeze, crop or pad.
        max_pixels: more than this is refused before it is decoded.

    Returns:
        Pictures. Nothing is refused here: `check_left_out` does that.
    """
    count = len(source.table)
    keep = count * size * size * 3 <= MEMORY_LIMIT
    pixels = np.empty((count, size, size, 3), np.uint8) if keep else None
    hashes, reasons, notes = [""] * count, {}, []

    def read(row):
        path = paths[row]
        try:
            decoded, data = _load(path, source.images, size, resize, max_pixels)
        except (PictureError, OSError) as error:
            reasons[row] = str(error) if isinstance(error, PictureError) else error.strerror
            return
        if pixels is not None:
            pixels[row] = decoded
        hashes[row] = sha256(data).hexdigest()
        if source.images is None and not fits_ending(path, picture_kind(data)):
            notes.append(f"{shown[row]} is a {picture_kind(data)} file; it was read as one")

    paths, shown = list(source.table["path"]), list(source.table["shown"])
    with progress.bar("Reading pictures", count) as advance, ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(read, range(count)):
            advance()
    return _assemble(source, size, resize, max_pixels, pixels, hashes, reasons, sorted(notes))


def _assemble(source, size, resize, max_pixels, pixels, hashes, reasons, notes):
    good = np.array([row not in reasons for row in range(len(source.table))], dtype=bool)
    table = source.table.assign(sha256=hashes)
    left_out = table.loc[~good, ["shown", "label", "split"]].rename(columns={"shown": "path"})
    left_out = left_out.assign(reason=[reasons[row] for row in np.flatnonzero(~good)])
    if pixels is not None and not good.all():
        pixels = pixels[good]
    return Pictures(
        table=table[good].reset_index(drop=True),
        size=size,
        resize=resize,
        max_pixels=max_pixels,
        left_out=left_out.reset_index(drop=True),
        images=source.images,
        pixels=pixels,
        notes=tuple(notes),
    )


def check_left_out(pictures, max_left_out):
    """Refuse a set of which too much is unreadable; the first few are named."""
    missing, total = len(pictures.left_out), len(pictures.left_out) + len(pictures)
    if missing <= max_left_out * total:
        return
    first = [f"{row.path}: {row.reason}" for row in pictures.left_out.head(3).itertuples()]
    raise UserError(
        f"{missing} of {total} pictures cannot be read, more than --max-left-out {max_left_out:g}",
        "; ".join(first),
        "Mend or remove them, or allow more",
    )
