"""One explanation as an image: the example, its overlay, what is predicted, and a legend."""

from pathlib import Path

import numpy as np

from keras_transfer.explain.common.overlay import overlay

MARGIN, HEADER, FOOTER = 16, 52, 48  # pixels
TITLE, SMALL, SMALLEST = 24, 14, 12  # sizes of letters
INK, QUIET, PAPER = (20, 20, 20), (90, 90, 90), (255, 255, 255)
LEAST_WIDTH = 330  # of each of the two images: a title and a legend need room
BAR = (160, 12)


def draw_panel(pixels, heat, title, remark, quantity):
    """A `PIL.Image`: title above, example left, overlay right, legend below.

    Args:
        pixels: uint8 (height, width, 3); heat: (height, width) in 0..1.
        title: one line above; remark: one line below the example; quantity: what the map shows.
    """
    from PIL import Image, ImageDraw

    height, width = pixels.shape[:2]
    column = max(width, LEAST_WIDTH)
    size = (2 * column + 3 * MARGIN, height + HEADER + FOOTER)
    panel = Image.new("RGB", size, PAPER)
    for place, shown in enumerate((pixels, overlay(pixels, heat))):
        left = MARGIN + place * (column + MARGIN) + (column - width) // 2
        panel.paste(Image.fromarray(shown), (left, HEADER))
    draw = ImageDraw.Draw(panel)
    text, letters = fit(title, size[0] - 2 * MARGIN)
    draw.text((MARGIN, HEADER // 2), text, INK, letters, anchor="lm")
    draw.text((MARGIN, size[1] - FOOTER // 2), remark, QUIET, font(SMALL), anchor="lm")
    corner = (2 * MARGIN + column, size[1] - FOOTER // 2)
    if np.max(heat) > 0:
        _draw_legend(panel, draw, *corner, f"{quantity}: none")
    else:
        draw.text(corner, f"{quantity}: none found", QUIET, font(SMALL), anchor="lm")
    return panel


def _draw_legend(panel, draw, left, middle, nothing):
    """The colours from `nothing` to most, as they look on grey."""
    from PIL import Image

    letters = font(SMALL)
    draw.text((left, middle), nothing, QUIET, letters, anchor="lm")
    start = left + round(draw.textlength(nothing, letters)) + 8
    width, height = BAR
    heat = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    bar = overlay(np.full((height, width, 3), 128, np.uint8), heat)
    panel.paste(Image.fromarray(bar), (start, middle - height // 2))
    draw.text((start + width + 8, middle), "most", QUIET, letters, anchor="lm")


def fit(text, width):
    """(text, font) that takes at most `width` pixels: smaller letters first, then an ellipsis."""
    text = " ".join(text.split("\n"))
    for size in range(TITLE, SMALLEST - 1, -2):
        letters = font(size)
        if letters.getlength(text) <= width:
            return text, letters
    while text and letters.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…", letters


def font(size):
    """The letters of matplotlib, which has most alphabets."""
    import matplotlib
    from PIL import ImageFont

    file = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(str(file), size)
