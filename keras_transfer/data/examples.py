"""Every example read once: what cannot be read is skipped, the rest is at hand as pixels.

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
from keras_transfer.errors import ExampleError, UserError
from keras_transfer.inputs.image.reading import fits_ending, image_kind, load_image, resize_pixels

MEMORY_LIMIT = 2**30  # bytes of decoded examples kept; above it they are decoded again on use
WORKERS = os.cpu_count() or 2


@dataclass(frozen=True)
class Examples:
    """Examples of one size, by row number.

    Attributes:
        table: the readable examples, one row each, with their `sha256`.
        skipped: the unreadable ones: path, reason.
        array: where the examples come from an array, that array.
        pixels: uint8 (n, size, size, 3), None where they are too many to keep.
        there: which of `pixels` are decoded, bool (n,); None for all.
        notes: lines about examples that were read but are not what they seem.
    """

    table: object
    size: int
    resize: str
    max_pixels: int
    skipped: object
    array: np.ndarray | None = None
    pixels: np.ndarray | None = field(default=None, repr=False)
    there: np.ndarray | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __len__(self):
        return len(self.table)

    def batch(self, rows):
        """Pixels uint8 (len(rows), size, size, 3) of the examples with these row numbers."""
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
            return _load(path, self.array, self.size, self.resize, self.max_pixels)

        with ThreadPoolExecutor(WORKERS) as pool:
            return np.stack(list(pool.map(load, paths)))


def _load(path, array, size, resize, max_pixels, data=None):
    """Pixels of a file (of its bytes `data` where they are at hand), or of a row of `array`."""
    if array is not None:
        return np.asarray(resize_pixels(array[int(path)], size, resize)).astype(np.uint8)
    return load_image(path if data is None else data, size, resize, max_pixels)


def _contents(path, array):
    """What tells an example from others: a file's bytes; of an array's row its shape and pixels."""
    if array is None:
        return Path(path).read_bytes()
    return repr(array[int(path)].shape).encode() + array[int(path)].tobytes()


def read_examples(source, size, resize, max_pixels, known=None):
    """Decode and resize every example of `source` once.

    Args:
        source: a `data.sources.Source`.
        size: pixels a side; resize: squeeze, crop or pad.
        max_pixels: more than this is refused before it is decoded.
        known: {sha256: `max_pixels` with which these contents were read well before}.

    Returns:
        Examples. Nothing is refused here: `check_skipped` does that.
    """
    count = len(source.table)
    keep = count * size * size * 3 <= MEMORY_LIMIT
    pixels = np.empty((count, size, size, 3), np.uint8) if keep else None
    there = np.zeros(count, bool) if keep else None
    hashes, reasons, notes, known = [""] * count, {}, [], known or {}

    def read(row):
        path = paths[row]
        try:
            data = _contents(path, source.array)
            hashes[row] = sha256(data).hexdigest()
            if known.get(hashes[row], math.inf) > max_pixels:
                decoded = _load(path, source.array, size, resize, max_pixels, data)
                if keep:
                    pixels[row], there[row] = decoded, True
        except (ExampleError, OSError) as error:
            reasons[row] = str(error) if isinstance(error, ExampleError) else error.strerror
            return
        if source.array is None and not fits_ending(path, image_kind(data)):
            notes.append(f"{shown[row]} is a {image_kind(data)} file; it was read as one")

    paths, shown = list(source.table["path"]), list(source.table["shown"])
    with progress.bar("Reading examples", count) as advance, ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(read, range(count)):
            advance()
    read_so = (size, resize, max_pixels)
    return _assemble(source, read_so, pixels, there, hashes, reasons, sorted(notes))


def _assemble(source, read_so, pixels, there, hashes, reasons, notes):
    size, resize, max_pixels = read_so
    good = np.array([row not in reasons for row in range(len(source.table))], dtype=bool)
    table = source.table.assign(sha256=hashes)
    skipped = table.loc[~good, ["shown", "label", "split"]].rename(columns={"shown": "path"})
    skipped = skipped.assign(reason=[reasons[row] for row in np.flatnonzero(~good)])
    if pixels is not None and not good.all():
        pixels, there = pixels[good], there[good]
    return Examples(
        table=table[good].reset_index(drop=True),
        size=size,
        resize=resize,
        max_pixels=max_pixels,
        skipped=skipped.reset_index(drop=True),
        array=source.array,
        pixels=pixels,
        there=there,
        notes=tuple(notes),
    )


def check_skipped(examples, max_skipped):
    """Refuse a set of which too much is unreadable; the first few are named."""
    missing, total = len(examples.skipped), len(examples.skipped) + len(examples)
    if missing <= max_skipped * total:
        return
    first = [f"{row.path}: {row.reason}" for row in examples.skipped.head(3).itertuples()]
    raise UserError(
        f"{missing} of {total} examples cannot be read, more than --max-skipped {max_skipped:g}",
        "; ".join(first),
        "Mend or remove them, or allow more",
    )
