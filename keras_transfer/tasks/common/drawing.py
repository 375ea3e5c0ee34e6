"""Boxes and masks drawn into images, for people."""

import colorsys
from typing import NamedTuple

import numpy as np

# of Okabe and Ito (2008), which the colour-blind can tell apart
FIRST = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
GOLDEN = 0.618033988749895  # of the circle of hues, from one further colour to the next
RIGHT, WRONG, MISSED = (0, 158, 115), (213, 94, 0), (255, 255, 255)
VERDICTS = {"found": RIGHT, "invented": WRONG, "missed": MISSED}
SHARE = 0.5  # of a class's colour in a pixel
LETTERS = 0.035  # height of letters, of an image's longer side
CROWD = 15  # boxes, of which more have no room for a text


class Marked(NamedTuple):
    """A box (x1 y1 x2 y2, 0 to 1) with its colour, and a text at its corner."""

    box: tuple[float, float, float, float]
    text: str
    colour: tuple[int, int, int]


def colour(number):
    """RGB of a class."""
    if number < len(FIRST):
        return FIRST[number]
    hue = (0.1 + (number - len(FIRST)) * GOLDEN) % 1.0
    return tuple(round(255 * one) for one in colorsys.hsv_to_rgb(hue, 0.65, 0.85))


def draw_boxes(pixels, marked):
    """Pixels uint8 (height, width, 3) with boxes in them; `marked`: of Marked."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(pixels)
    draw, long = ImageDraw.Draw(image), max(image.size)
    font = ImageFont.load_default(size=max(9, round(LETTERS * long)))
    line, size = max(1, round(long / 250)), np.tile(image.size, 2)
    for box, text, shade in marked:
        left, top, right, bottom = (np.asarray(box) * size).tolist()
        draw.rectangle((left, top, max(right, left + 1), max(bottom, top + 1)), None, shade, line)
        if text and len(marked) <= CROWD:
            place = draw.textbbox((left + line, top + line), text, font)
            draw.rectangle(place, fill=shade)
            ink = "black" if sum(shade) > 380 else "white"
            draw.text((left + line, top + line), text, ink, font)
    return np.asarray(image)


def blend(pixels, numbers, ignored):
    """Pixels uint8 (height, width, 3) with the colour of each one's class in them.

    Args:
        numbers: class numbers uint8 (h, w), of any size; `ignored`: the number of none.
    """
    from PIL import Image

    height, width = pixels.shape[:2]
    resized = Image.fromarray(numbers).resize((width, height), Image.Resampling.NEAREST)
    numbers = np.asarray(resized)
    table = np.array([colour(number) for number in range(256)], np.float32)
    share = np.where(numbers == ignored, 0.0, SHARE).astype(np.float32)[..., None]
    blended = pixels * (1.0 - share) + table[numbers] * share
    return np.round(blended).astype(np.uint8)
