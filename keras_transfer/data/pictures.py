"""Every picture read once: what cannot be read is left out, the rest is at hand as pixels.

Those whose contents were read well before are not decoded until somebody asks for their pixels.
"""

import math
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
        images: where the pictures come from an array, that array.
        pixels: uint8 (n, size, size, 3), None where they are too many to keep.
        there: which of `pixels` are decoded, bool (n,); None for all.
        notes: lines about pictures that were read but are not what they seem.
    """

    table: object
    size: int
    resize: str
    max_pixels: int
    left_out: object
    images: np.ndarray | None = None
    pixels: np.ndarray | None = field(default=None, repr=False)
    there: np.ndarray | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __len__(self):
        return len(self.table)

    def batch(self, rows):
        """Pixels uint8 (len(rows), size, size, 3) of the pictures with these row numbers."""
        if self.pixels is None:
            return self._decode(rows)
        if self.there is not None and not self.there[rows].all():
            missing = np.unique(np.asarray(rows)[~self.there[rows]])
            self.pixels[missing] = self._decode(missing)
            self.there[missing] = True
        return self.pixels[rows]

    def _decode(self, rows):
        paths = self.table["path"].to_numpy()[rows]

        def load(path):
            return _load(path, self.images, self.size, self.resize, self.max_pixels)

        with ThreadPoolExecutor(WORKERS) as pool:
            return np.stack(list(pool.map(load, paths)))


def _load(path, images, size, resize, max_pixels, data=None):
    """Pixels of a file (of its bytes `data` where they are at hand), or of a row of `images`."""
    if images is not None:
        return np.asarray(resize_pixels(images[int(path)], size, resize)).astype(np.uint8)
    return load_picture(path if data is None else data, size, resize, max_pixels)


def _contents(path, images):
    """What tells a picture from others: a file's bytes; of an array's row its shape and pixels."""
    if images is None:
        return Path(path).read_bytes()
    return repr(images[int(path)].shape).encode() + images[int(path)].tobytes()


def read_pictures(source, size, resize, max_pixels, known=None):
    """Decode and resize every picture of `source` once.

    Args:
        source: a `data.sources.Source`.
        size: pixels a side; resize: squeeze, crop or pad.
        max_pixels: more than this is refused before it is decoded.
        known: {sha256: `max_pixels` with which these contents were read well before}.

    Returns:
        Pictures. Nothing is refused here: `check_left_out` does that.
    """
    count = len(source.table)
    keep = count * size * size * 3 <= MEMORY_LIMIT
    pixels = np.empty((count, size, size, 3), np.uint8) if keep else None
    there = np.zeros(count, bool) if keep else None
    hashes, reasons, notes, known = [""] * count, {}, [], known or {}

    def read(row):
        path = paths[row]
        try:
            data = _contents(path, source.images)
            hashes[row] = sha256(data).hexdigest()
            if known.get(hashes[row], math.inf) > max_pixels:
                decoded = _load(path, source.images, size, resize, max_pixels, data)
                if keep:
                    pixels[row], there[row] = decoded, True
        except (PictureError, OSError) as error:
            reasons[row] = str(error) if isinstance(error, PictureError) else error.strerror
            return
        if source.images is None and not fits_ending(path, picture_kind(data)):
            notes.append(f"{shown[row]} is a {picture_kind(data)} file; it was read as one")

    paths, shown = list(source.table["path"]), list(source.table["shown"])
    with progress.bar("Reading pictures", count) as advance, ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(read, range(count)):
            advance()
    read_so = (size, resize, max_pixels)
    return _assemble(source, read_so, pixels, there, hashes, reasons, sorted(notes))


def _assemble(source, read_so, pixels, there, hashes, reasons, notes):
    size, resize, max_pixels = read_so
    good = np.array([row not in reasons for row in range(len(source.table))], dtype=bool)
    table = source.table.assign(sha256=hashes)
    left_out = table.loc[~good, ["shown", "label", "split"]].rename(columns={"shown": "path"})
    left_out = left_out.assign(reason=[reasons[row] for row in np.flatnonzero(~good)])
    if pixels is not None and not good.all():
        pixels, there = pixels[good], there[good]
    return Pictures(
        table=table[good].reset_index(drop=True),
        size=size,
        resize=resize,
        max_pixels=max_pixels,
        left_out=left_out.reset_index(drop=True),
        images=source.images,
        pixels=pixels,
        there=there,
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
