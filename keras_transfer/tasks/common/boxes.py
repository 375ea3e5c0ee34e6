"""Boxes as labels: read from cells, brought to what the model sees, moved with augmented views."""

import math
import re
from typing import NamedTuple

import numpy as np

from keras_transfer.evaluate.boxes import find
from keras_transfer.tasks.common.drawing import MISSED, RIGHT, WRONG, Marked, colour
from keras_transfer.tasks.common.labels import plain_label

SIDES = ("xmin", "ymin", "xmax", "ymax")
NOTHING = -1.0  # fills rows up where an image has fewer objects than others
LEAST_SEEN = 0.25  # share of a box that has to be seen for it to be an object of a view
LEAST_PIXELS = 1.0  # of a side


class Box(NamedTuple):
    """An object: its class, and the corners of its box in pixels of the upright image."""

    label: str
    xmin: float
    ymin: float
    xmax: float
    ymax: float


def parse_boxes(labels, shown):
    """(a tuple of Box for each image, {reason: names of images} of rows that are left out).

    Args:
        labels: for each image a list of {label, xmin, ymin, xmax, ymax}; a row without anything is
            an image without objects.
        shown: names of the images.
    """
    found, left = [], {}
    for rows, name in zip(labels, shown, strict=True):
        boxes = []
        for row in rows:
            box, reason = _parsed(row)
            if reason:
                left.setdefault(reason, []).append(name)
            elif box:
                boxes.append(box)
        found.append(tuple(dict.fromkeys(boxes)))
    return found, left


def _parsed(row):
    """(Box, "") of a row; (None, reason) of one that is none; (None, "") of an empty one."""
    label, cells = plain_label(row["label"]), [row[side] for side in SIDES]
    if not label and all(str(cell).strip() in ("", "nan") for cell in cells):
        return None, ""
    if not label or isinstance(label, tuple):
        return None, "a box without a class"
    try:
        numbers = [float(cell) for cell in cells]
    except (TypeError, ValueError):
        return None, "a corner is no number"
    if not all(map(math.isfinite, numbers)):
        return None, "a corner is no number"
    box = Box(label, *numbers)
    if box.xmax <= box.xmin or box.ymax <= box.ymin:
        return None, "a box without area"
    return box, ""


def reaches_beyond(boxes, geometry):
    """Whether a box leaves its image by a pixel or more."""
    return any(
        min(box.xmin, box.ymin) <= -1
        or box.xmax >= geometry.width + 1
        or box.ymax >= geometry.height + 1
        for box in boxes
    )


def target_rows(boxes, geometry, numbers):
    """Targets float32 (m, 6) of one image, see `tasks.detection`; one row at least.

    Args:
        boxes: of Box; geometry: see `inputs.Modality.geometry`; numbers: {label: class number}.
    """
    size = np.array([geometry.width, geometry.height], np.float64)
    seen = geometry.from_model(np.array([[0.0, 0.0], [1.0, 1.0]])) * size
    side = math.sqrt(float(np.prod(seen[1] - seen[0])))
    known = [box for box in boxes if box.label in numbers]
    if not known:
        return np.array([[NOTHING] * 5 + [side]], np.float32)
    corners = np.array([box[1:] for box in known], np.float64).reshape(-1, 2, 2)
    corners = geometry.to_model((corners / size).reshape(-1, 2)).reshape(-1, 4)
    rows = np.empty((len(known), 6), np.float64)
    rows[:, 0], rows[:, 5] = [numbers[box.label] for box in known], side
    rows[:, 1:5], visible = inside(corners, side)
    rows[~visible, :5] = NOTHING
    return rows[np.argsort(~visible, kind="stable")].astype(np.float32)


def inside(boxes, side):
    """(boxes (..., 4) clipped to 0 to 1, whether enough of each is seen).

    Args:
        side: pixels, in which a box has to be as wide and tall as a pixel.
    """
    clipped = np.clip(boxes, 0.0, 1.0)
    whole, left = (np.maximum(one[..., 2:] - one[..., :2], 0.0) for one in (boxes, clipped))
    share = np.prod(left, axis=-1) / np.maximum(np.prod(whole, axis=-1), 1e-12)
    large = (left * np.expand_dims(side, -1) >= LEAST_PIXELS).all(axis=-1)
    return clipped, (share >= LEAST_SEEN) & large


def move_boxes(targets, movements):
    """Targets (n, m, 6) of views that are not turned.

    Args:
        movements: (n, 2, 3), from a view's coordinates to those of the image.
    """
    turn, shift = movements[:, :, :2], movements[:, :, 2]
    back = np.linalg.inv(turn)  # from the image to the view
    corners = targets[..., 1:5].reshape(len(targets), -1, 2) - shift[:, None]
    corners = np.einsum("nij,npj->npi", back, corners)
    corners = corners.reshape(len(targets), -1, 2, 2)
    boxes = np.concatenate([corners.min(axis=2), corners.max(axis=2)], axis=-1)
    moved, there = targets.copy(), targets[..., 0] >= 0
    moved[..., 1:5], visible = inside(boxes, targets[..., 5])
    moved[~(visible & there), :5] = NOTHING
    return moved


def boxes_of(prediction, names, least, geometry=None):
    """[{"label", "score", "box": [x1, y1, x2, y2]}] of one image, the surest first.

    Args:
        prediction: (boxes, scores, class numbers), see `tasks.detection`.
        names: of the classes; least: the score from which on a box is given.
        geometry: of the image: boxes are then in its pixels; None: 0 to 1.
    """
    boxes, scores, numbers = prediction
    shown = (scores >= least) & (numbers >= 0)
    corners, digits = boxes[shown].astype(np.float64).reshape(-1, 2), 4
    if geometry is not None:
        corners = np.clip(geometry.from_model(corners), 0.0, 1.0)
        corners, digits = corners * [geometry.width, geometry.height], 1
    rows = zip(corners.reshape(-1, 4), scores[shown], numbers[shown], strict=True)
    return [
        {
            "label": names[number],
            "score": round(float(score), 4),
            "box": [round(float(corner), digits) for corner in box],
        }
        for box, score, number in rows
    ]


def found_boxes(detections, names, geometry=None):
    """Marked (`drawing`) of the detections (d, 6) of one image, see `evaluate.boxes.find`.

    Args:
        names: of the classes; geometry: of the image, where all of it is drawn.
    """
    corners = detections[:, 1:5].reshape(-1, 2)
    if geometry is not None:
        corners = np.clip(geometry.from_model(corners), 0.0, 1.0)
    numbers = detections[:, 0].astype(int).tolist()
    rows = zip(corners.reshape(-1, 4).tolist(), numbers, detections[:, 5], strict=True)
    return [Marked(tuple(b), f"{names[n]} {score:.2f}", colour(n)) for b, n, score in rows]


def true_boxes(objects, names):
    """The same for objects (m, 5)."""
    numbers = objects[:, 0].astype(int).tolist()
    rows = zip(objects[:, 1:5].tolist(), numbers, strict=True)
    return [Marked(tuple(box), names[number], colour(number)) for box, number in rows]


def judged_boxes(objects, detections, names):
    """The same for objects and detections: right, invented, missed."""
    found = find(objects, detections)
    shown = [
        one._replace(colour=RIGHT if place >= 0 else WRONG)
        for one, place in zip(found_boxes(detections, names), found.objects, strict=True)
    ]
    missed = [one._replace(colour=MISSED) for one in true_boxes(objects[found.missed], names)]
    return [*missed, *shown]


def box_texts(boxes):
    """Boxes as text that `read_box_texts` reads again: "dog 12 8.5 96 120; cat 0 3 44 71"."""
    texts = (f"{box.label} {' '.join(f'{side:g}' for side in box[1:])}" for box in boxes)
    return "; ".join(texts)


def read_box_texts(text):
    """The boxes of a text that `box_texts` wrote."""
    rows = (part.rsplit(" ", 4) for part in re.split(r"(?<=\d); ", text) if part)
    return tuple(Box(label, *map(float, sides)) for label, *sides in rows)
