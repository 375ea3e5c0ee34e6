"""Boxes against boxes: how far they overlap, and which found which."""

from typing import NamedTuple

import numpy as np

from keras_transfer.evaluate.draws import Draws, share

FOUND = 0.5  # IoU from which on a box has found an object


class Found(NamedTuple):
    """What came of one image's detections.

    Attributes:
        overlaps: IoU (d,) of each detection with the object that it found, 0 of an invented one.
        objects: place of that object (d,), -1 of an invented one.
        missed: places of the objects that no detection found.
    """

    overlaps: np.ndarray
    objects: np.ndarray
    missed: np.ndarray


def overlaps(one, other):
    """IoU (n, m) of boxes x1 y1 x2 y2 (n, 4) and (m, 4)."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0.0), axis=2)
    either = _areas(one)[:, None] + _areas(other)[None] - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def _areas(boxes):
    return np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)


def find(objects, detections, least=FOUND):
    """Found: each detection, the surest first, takes the object of its class that it covers best.

    Args:
        objects: (m, 5): class number, then the box; detections: (d, 6): the same, and a score, in
            falling order of it.
        least: IoU that is needed.
    """
    covered = overlaps(detections[:, 1:5], objects[:, 1:5])
    covered = covered * (detections[:, :1] == objects[None, :, 0])
    found, taken = np.full(len(detections), -1), np.zeros(len(objects), bool)
    overlap = np.zeros(len(detections))
    for place, row in enumerate(covered):
        row = np.where(taken, 0.0, row)
        best = int(row.argmax()) if len(row) else -1
        if best >= 0 and row[best] >= least:
            found[place], overlap[place], taken[best] = best, row[best], True
    return Found(overlap, found, np.flatnonzero(~taken))


def quality(objects, detections, weights=None):
    """How well one image's detections are, 0 to 1: the overlaps of those that found an object, over
    half of all detections and all objects (panoptic quality: Kirillov et al. 2019,
    arXiv:1801.00868); 1 where there is neither.

    Args:
        objects, detections: as of `find`; weights: how much each detection counts (d,).
    """
    weights = np.ones(len(detections)) if weights is None else weights
    whole = (weights.sum() + len(objects)) / 2.0
    if whole == 0:
        return 1.0
    return float((find(objects, detections).overlaps * weights).sum() / whole)


def alike(objects, detections):
    """F1 of the detections of one image, 0 to 1; 1 where there is neither detection nor object."""
    whole = len(detections) + len(objects)
    found = np.count_nonzero(find(objects, detections).objects >= 0)
    return 2.0 * found / whole if whole else 1.0


def best_score(objects, detections):
    """(the score from which on detections have the best F1, that F1) over all images.

    Args:
        objects: a list of (m, 5); detections: a list of (d, 6).
    """
    scores, right = [], []
    for own, claimed in zip(objects, detections, strict=True):
        scores.append(claimed[:, 5])
        right.append(find(own, claimed).objects >= 0)
    scores, right = np.concatenate(scores), np.concatenate(right)
    total = sum(map(len, objects))
    if not len(scores) or not total:
        return 0.5, 0.0
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(right[order])
    f1 = 2 * found / (np.arange(1, len(found) + 1) + total)
    f1[:-1][scores[:-1] == scores[1:]] = -1.0  # equal ones are taken together
    best = int(f1.argmax())
    below = scores[best + 1] if best + 1 < len(scores) else 0.0
    return float((scores[best] + below) / 2), float(f1[best])


def score_shown(objects, detections, groups=None, seed=0):
    """Precision, recall and F1 at IoU 0.5 over all objects: {name: {value, low, high}}.

    Args: as of `best_score`; detections: those that are shown.
    """
    counts = np.array(
        [
            (np.count_nonzero(find(own, shown).objects >= 0), len(shown), len(own))
            for own, shown in zip(objects, detections, strict=True)
        ],
        np.float64,
    )

    def statistic(weights):
        right, shown, there = np.moveaxis(weights @ counts, -1, 0)
        ratios = share(right, shown), share(right, there), share(2 * right, shown + there)
        return np.stack(ratios, axis=1)

    found = Draws(len(counts), groups, seed).score(statistic)
    return dict(zip(("precision", "recall", "f1"), found, strict=True))
