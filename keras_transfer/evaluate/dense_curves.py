"""What figures show of boxes and of pixels, computed from predictions alone."""

import numpy as np

from keras_transfer.evaluate.boxes import FOUND, find, overlaps
from keras_transfer.evaluate.curves import MOST_BARS, MOST_CLASSES, UNIT, thinned
from keras_transfer.evaluate.detection import HALF, match
from keras_transfer.evaluate.figures import Bars, Line, Lines, Matrix

MOST_LINES = 8
BACKGROUND = "background"
ENDS = (-0.01, 1.01)


def box_curves(objects, detections, names):
    """Precision against recall at IoU 0.5, of the commonest classes: Lines.

    Args:
        objects, detections: as of `evaluate.detection.score_detection`; names: of the classes.
    """
    matched = [sizes[0] for sizes in match(objects, detections, len(names))]
    totals = [int(one.objects.sum()) for one in matched]
    lines = []
    for place in np.argsort(-np.array(totals), kind="stable")[:MOST_LINES]:
        right = np.cumsum(matched[place].found[HALF])
        if totals[place] and len(right):
            precision = right / np.arange(1, len(right) + 1)
            lines.append(Line(names[place], *thinned(right / totals[place], precision)))
    caption = (
        "For every score from which on boxes are shown: how many of them are right (IoU 0.5 or "
        "more), against how many objects are found."
    )
    title = "Precision and recall"
    return Lines("precision_recall", title, caption, "recall", "precision", (*lines,), ENDS, ENDS)


def box_confusion(objects, detections, names):
    """What was taken for what: a Matrix with background; None of very many classes.

    A box is held against the object that it covers best, whatever its class.

    Args:
        detections: those that are shown.
    """
    width = len(names)
    if width >= MOST_CLASSES:
        return None
    counts = np.zeros((width + 1, width + 1), int)
    for own, claimed in zip(objects, detections, strict=True):
        taken = np.zeros(len(own), bool)
        covered = overlaps(claimed[:, 1:5], own[:, 1:5])
        for row, number in zip(covered, claimed[:, 0].astype(int), strict=True):
            row = np.where(taken, 0.0, row)
            best = int(row.argmax()) if len(row) else -1
            hit = best >= 0 and row[best] >= FOUND
            counts[int(own[best, 0]) if hit else width, number] += 1
            if hit:
                taken[best] = True
        counts[:, width] += np.bincount(own[~taken, 0].astype(int), minlength=width + 1)
    caption = (
        "Each row holds the objects of one true class; the last column those that were missed, the "
        "last row boxes where there is nothing. Blue is right, orange is wrong."
    )
    every = (*names, BACKGROUND)
    rows = tuple(map(tuple, counts.tolist()))
    return Matrix("confusion", "Confusion with background", caption, every, every, rows)


def box_sizes(objects, detections, stride):
    """How large objects are, and those that are missed, in pixels of what the model sees: Lines.

    Args:
        objects, detections: boxes in those pixels; stride: the finest of the model.
    """
    sides, missed = [np.zeros(0)], [np.zeros(0)]
    for own, claimed in zip(objects, detections, strict=True):
        side = np.sqrt(np.prod(own[:, 3:5] - own[:, 1:3], axis=1))
        sides.append(side)
        missed.append(side[find(own, claimed).missed])
    named = (("all objects", np.concatenate(sides)), ("missed objects", np.concatenate(missed)))
    lines = [
        Line(name, *thinned(np.sort(found), np.arange(1, len(found) + 1) / len(found)))
        for name, found in named
        if len(found)
    ]
    caption = (
        "The share of objects whose side (of a square as large) is at most so long. Under "
        f"{stride} pixels, a cell of the finest feature map, a larger --image-size helps most."
    )
    labels = ("side in pixels of what the model sees", "share of objects")
    marked = float(stride), "finest stride"
    title = "Sizes of objects"
    return Lines("sizes", title, caption, *labels, (*lines,), None, ENDS, log_x=True, marked=marked)


def pixel_confusion(matrices, names):
    """What pixels were taken for, in percent of each true class: Matrix; None of very many classes.

    Args:
        matrices: confusion matrices (n, k, k) of `evaluate.segmentation.confusions`.
    """
    if len(names) > MOST_CLASSES:
        return None
    sums = matrices.sum(axis=0)
    shares = 100 * sums / np.maximum(1, sums.sum(axis=1, keepdims=True))
    rows = tuple(tuple(row) for row in np.round(shares).astype(int).tolist())
    caption = (
        "Each row holds the pixels of one true class, in percent. Blue is right, orange is wrong."
    )
    return Matrix("confusion", "Confusion matrix", caption, tuple(names), tuple(names), rows)


def class_ious(ious, names):
    """IoU of each class, the lowest first: Bars."""
    order = [int(place) for place in np.argsort(ious) if not np.isnan(ious[place])][:MOST_BARS]
    caption = (
        "Pixels that are of a class and predicted as it, over those that are either; 1 is perfect."
    )
    labels, values = tuple(names[p] for p in order), tuple(float(ious[p]) for p in order)
    return Bars("ious", "IoU of each class", caption, "IoU", labels, values, UNIT)
