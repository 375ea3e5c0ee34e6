"""Masks as files: the numbers they hold, their names, and how they come to a model's size."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from keras_transfer.errors import ExampleError, UserError
from keras_transfer.tasks.common.labels import one_line

IGNORED = 255  # of a mask's numbers: its pixels say nothing
MODES = ("1", "L", "P", "I", "I;16")  # of Pillow, with one number a pixel
IGNORED_NAMES = {"ignore", "ignored", "void", "unlabelled", "unlabeled"}


class Mask(NamedTuple):
    """The label of an example.

    Attributes:
        path: of the file; classes: of that with the names of numbers, "" without one.
        size: (width, height), None where the file cannot be read; reason: why it cannot.
        numbers: those that are in it, sorted.
        ignored: those of which pixels say nothing.
    """

    path: str
    classes: str
    size: tuple[int, int] | None
    numbers: tuple[int, ...]
    reason: str = ""
    ignored: tuple[int, ...] = (IGNORED,)


def read_mask(path):
    """The numbers of a mask, uint16 (height, width); ExampleError where it holds none."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode not in MODES:
                raise ExampleError(f"its mask has colours, not a number a pixel ({image.mode})")
            pixels = np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ExampleError(f"its mask cannot be read: {error}") from error
    if pixels.size and (pixels.min() < 0 or pixels.max() > 65535):
        raise ExampleError(f"its mask holds the number {pixels.max()}")
    return pixels.astype(np.uint16)


def look_into(paths, classes):
    """The Mask of each file.

    Args:
        paths: of masks; classes: of the files that name their numbers, one each.
    """

    def look(path, named):
        try:
            pixels = read_mask(path)
        except ExampleError as error:
            return Mask(path, named, None, (), str(error))
        numbers = tuple(np.flatnonzero(np.bincount(pixels.ravel())).tolist())
        return Mask(path, named, pixels.shape[::-1], numbers)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(look, paths, classes))


@lru_cache(maxsize=8)
def names_of(file):
    """{number: name} of a file classes.txt or classes.json; those that are ignored left out."""
    try:
        with open(file, encoding="utf-8-sig") as opened:
            text = opened.read()
        named = json.loads(text) if file.lower().endswith(".json") else text.splitlines()
        pairs = named.items() if isinstance(named, dict) else enumerate(named)
        found = {int(number): one_line(str(name)) for number, name in pairs}
    except (OSError, UnicodeDecodeError, ValueError, AttributeError) as error:
        advice = 'A name a line, from number 0 on; or JSON: {"0": "road"}'
        raise UserError(f"{file} does not name the classes of masks", error, advice) from error
    found = {number: name for number, name in found.items() if name}
    if len(set(found.values())) < len(found):
        raise UserError(f"{file} has a name twice", "", "Name each class once")
    return found


def classes_of(masks):
    """{number: name} of the classes in masks: as their file names them, or by their numbers.

    Of masks with 0 and 255 alone both are classes.
    """
    files = {mask.classes for mask in masks if mask.classes}
    if len(files) > 1:
        raise UserError("two files name the classes of masks", " and ".join(sorted(files)))
    if files:
        named = names_of(files.pop())
        left = {number for mask in masks for number in mask.ignored} - {IGNORED}
        return {
            number: name
            for number, name in named.items()
            if name.lower() not in IGNORED_NAMES and number not in left
        }
    numbers = sorted({number for mask in masks for number in mask.numbers})
    if numbers == [0, IGNORED]:
        return {0: "background", IGNORED: "object"}
    ignored = {number for mask in masks for number in mask.ignored}
    return {number: str(number) for number in numbers if number not in ignored}


def unknown_numbers(mask):
    """Numbers in a mask that its file of classes does not name, and that are not ignored."""
    known = set(names_of(mask.classes)) | set(mask.ignored) if mask.classes else set(mask.numbers)
    return sorted(set(mask.numbers) - known)


def placed(pixels, geometry, size, fill=IGNORED):
    """Numbers uint8 (height, width) of a mask where the model sees them: the nearest.

    Args:
        pixels: uint8, of the mask; geometry: see `inputs.Modality.geometry`; size: of the model.
    """
    height, width = size
    low, high = geometry.from_model(np.array([[0.0, 0.0], [1.0, 1.0]]))
    step = (high - low) * pixels.shape[::-1]
    start = low * pixels.shape[::-1]
    rows = (step[0] / width, 0.0, start[0], 0.0, step[1] / height, start[1])
    return warped(pixels, rows, size, fill)


def seen_from(numbers, geometry):
    """Numbers uint8 (height, width) of a raw example, from those of what the model sees."""
    height, width = numbers.shape
    low, high = geometry.to_model(np.array([[0.0, 0.0], [1.0, 1.0]]))
    step = (high - low) * (width, height) / (geometry.width, geometry.height)
    start = low * (width, height)
    rows = (step[0], 0.0, start[0], 0.0, step[1], start[1])
    return warped(numbers, rows, (geometry.height, geometry.width), IGNORED)


def moved(pixels, movement, fill=IGNORED):
    """Numbers (height, width) of a view of what the model sees.

    Args:
        movement: (2, 3), from relative coordinates of the view to those of the example.
    """
    height, width = pixels.shape
    (a, b, c), (d, e, f) = np.asarray(movement, np.float64)
    rows = (a, b * width / height, c * width, d * height / width, e, f * height)
    return warped(pixels, rows, pixels.shape, fill)


def warped(pixels, rows, size, fill):
    """The nearest number for each pixel of `size`; `rows`: from its coordinates to the old ones."""
    from PIL import Image

    image = Image.fromarray(pixels)
    given = (size[::-1], Image.Transform.AFFINE, tuple(map(float, rows)))
    return np.asarray(image.transform(*given, Image.Resampling.NEAREST, fillcolor=fill))
