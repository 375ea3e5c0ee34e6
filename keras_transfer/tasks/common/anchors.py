"""Where an anchor-free detector predicts: the middle of each cell of its feature maps.

A location is (y, x, height, width): how far the middle of a box lies from that of the cell, and the
sides of the box, in cells. MediaPipe's ObjectDetector reads such numbers as they are.
"""

from typing import NamedTuple

import numpy as np

STRIDES = (8, 16, 32)


class Anchors(NamedTuple):
    """The cells of all maps, the finest first, rows after rows.

    Attributes:
        middles: float32 (n, 2), x and y, 0 to 1 of the image.
        sides: float32 (n, 2), width and height of a cell, likewise.
    """

    middles: np.ndarray
    sides: np.ndarray


def make_anchors(size, strides=STRIDES):
    """The Anchors for images of a size (height, width)."""
    middles, sides = [], []
    for stride in strides:
        rows, columns = (-(-side // stride) for side in size)
        y, x = np.mgrid[:rows, :columns].reshape(2, -1) + 0.5
        middles.append(np.stack([x / columns, y / rows], axis=1))
        sides.append(np.tile([1 / columns, 1 / rows], (rows * columns, 1)))
    return Anchors(*(np.concatenate(part).astype(np.float32) for part in (middles, sides)))


def decode(locations, anchors):
    """Boxes x1 y1 x2 y2 (..., n, 4), 0 to 1 of the image, of locations (..., n, 4).

    Arrays, or tensors of Keras's backend.
    """
    middles = locations[..., 1::-1] * anchors.sides + anchors.middles
    reach = locations[..., :1:-1] * anchors.sides / 2.0
    return middles - reach, middles + reach


def encode(boxes, anchors):
    """Locations (n, 4) of boxes (n, 4), one for each anchor: what `decode` takes back."""
    middles = (boxes[..., :2] + boxes[..., 2:]) / 2.0
    offsets = (middles - anchors.middles) / anchors.sides
    sides = (boxes[..., 2:] - boxes[..., :2]) / anchors.sides
    return np.concatenate([offsets[..., ::-1], sides[..., ::-1]], axis=-1)
