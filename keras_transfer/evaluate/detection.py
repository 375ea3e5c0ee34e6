"""Mean average precision of detections as COCO defines it, with intervals over images.

pycocotools says which detection found which object, once; a bootstrap weighs the images anew. Mean
average precision is too high in few images: it takes the highest precision at each recall.
"""

import contextlib
import io
from typing import NamedTuple

import numpy as np

from keras_transfer.evaluate.draws import Draws, mean_defined, share
from keras_transfer.evaluate.per_class import with_intervals

MOST = 100  # detections of an image that count
SIZES = ("all", "small", "medium", "large")  # areas of pycocotools, in this order
RECALLS = np.linspace(0.0, 1.0, 101)
HALF, THREE_QUARTERS = 0, 5  # places of IoU 0.50 and 0.75 among 0.50, 0.55 .. 0.95
CLASS_COLUMNS = ("map", "map50", "recall")


class Matches(NamedTuple):
    """Which detections of one class found an object of one range of sizes, the surest first.

    Attributes:
        images: place of the image of each detection (d,); scores: how sure it is (d,).
        found, ignored: bool (t, d), by IoU from 0.50 to 0.95; an ignored one says nothing, since
            what it found is of another size.
        objects: how many each image has (n,).
    """

    images: np.ndarray
    scores: np.ndarray
    found: np.ndarray
    ignored: np.ndarray
    objects: np.ndarray


def score_detection(objects, detections, names, groups=None, seed=0):
    """The scores of a split.

    Args:
        objects: for each image a float array (m, 5): class number, then the box x1 y1 x2 y2 in
            pixels.
        detections: for each image (m, 6): the same, and a score.
        names: of the classes; groups: (n,) of what belongs together, or None; seed: of intervals.

    Returns:
        dict: n; map (IoU 0.50 to 0.95), map50, map75, recall (of at most 100 detections an image)
        and map_small, map_medium, map_large (areas under 32 x 32 and 96 x 96 pixels, and above),
        each {value, low, high}; per_class: {name: {n (images with the class),
        objects, map, map50, recall, intervals}}.
    """
    matched = match(objects, detections, len(names))
    found = Draws(len(objects), groups, seed).score(_statistic(matched), biased=True)
    headlines = ("map", "map50", "map75", "recall", *(f"map_{size}" for size in SIZES[1:]))
    scores = dict(zip(headlines, found, strict=False))
    columns = found[len(headlines) :]
    width, counts = len(CLASS_COLUMNS), [matched[k][0].objects.sum() for k in range(len(names))]
    per_class = {
        name: {
            "n": int((matched[k][0].objects > 0).sum()),
            "objects": int(counts[k]),
            **with_intervals(
                dict(zip(CLASS_COLUMNS, columns[k * width : (k + 1) * width], strict=True))
            ),
        }
        for k, name in enumerate(names)
    }
    missing = [name for name, count in zip(names, counts, strict=True) if not count]
    n = {"n": len(objects), "objects": int(sum(counts))}
    return {**n, **scores, "classes_without_objects": missing, "per_class": per_class}


def match(objects, detections, classes):
    """[[Matches of each of SIZES] of each class]."""
    evaluation = _evaluated(objects, detections, classes)
    found, count = iter(evaluation.evalImgs), len(objects)
    return [
        [_matches([next(found) for _ in range(count)], count) for _ in SIZES]
        for _ in range(classes)
    ]


def _evaluated(objects, detections, classes):
    """The `COCOeval` that has matched the boxes of all images."""
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):  # it reports its progress
        truth, claims = (_indexed(boxes, classes) for boxes in (objects, detections))
        evaluation = COCOeval(truth, claims, "bbox")
        evaluation.params.maxDets = [MOST]
        evaluation.params.imgIds = list(range(len(objects)))
        evaluation.evaluate()
    return evaluation


def _indexed(boxes, classes):
    """The boxes of all images as pycocotools holds them."""
    from pycocotools.coco import COCO

    annotations = []
    for image, rows in enumerate(boxes):
        for number, left, top, right, bottom, *score in np.asarray(rows, np.float64).tolist():
            box = [left, top, right - left, bottom - top]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(number),
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                    **({"score": score[0]} if score else {}),
                }
            )
    made = COCO()
    made.dataset = {
        "images": [{"id": image} for image in range(len(boxes))],
        "categories": [{"id": number} for number in range(classes)],
        "annotations": annotations,
    }
    made.createIndex()
    return made


def _matches(images, count):
    """The Matches of what pycocotools says of each image (None where there is nothing)."""
    objects, places, kept = np.zeros(count), [], []
    for place, one in enumerate(images):
        if one is not None:
            objects[place] = np.count_nonzero(np.asarray(one["gtIgnore"]) == 0)
            places.append(np.full(len(one["dtScores"]), place))
            kept.append(one)
    if not kept:
        nothing = np.zeros((10, 0), bool)
        return Matches(np.zeros(0, np.int64), np.zeros(0), nothing, nothing, objects)
    scores = np.concatenate([one["dtScores"] for one in kept])
    order = np.argsort(-scores, kind="mergesort")  # as pycocotools: of equals the first
    found = np.concatenate([one["dtMatches"] for one in kept], axis=1)[:, order] > 0
    ignored = np.concatenate([one["dtIgnore"] for one in kept], axis=1)[:, order] > 0
    places = np.concatenate(places)[order]
    return Matches(places, scores[order], found, ignored, objects)


def average_precisions(matches, weights):
    """(average precision (draws, t), recall (draws, t)) by how often each image counts.

    The mean of the precision at 101 recalls, each the highest at that recall or more (COCO, as in
    `COCOeval.accumulate`); NaN in a draw without an object.

    Args:
        weights: (draws, n).
    """
    total, each = weights @ matches.objects, weights[:, matches.images]
    shape = len(weights), len(matches.found)
    precisions, recalls = np.full(shape, np.nan), np.full(shape, np.nan)
    there = total > 0
    for place, (found, ignored) in enumerate(zip(matches.found, matches.ignored, strict=True)):
        right = np.cumsum(each * (found & ~ignored), axis=1)
        wrong = np.cumsum(each * (~found & ~ignored), axis=1)
        reached = share(right, np.broadcast_to(total[:, None], right.shape))
        precise = right / (wrong + right + np.spacing(1))
        precise = np.maximum.accumulate(precise[:, ::-1], axis=1)[:, ::-1]
        precisions[there, place] = _mean_precision(reached[there], precise[there])
        recalls[there, place] = reached[there, -1] if reached.shape[1] else 0.0
    return precisions, recalls


def _mean_precision(reached, precise):
    """Mean over RECALLS of the precision where each is reached, 0 where it never is: (draws,).

    All draws are searched at once, as one line of numbers: each lies 2 beyond the one before.
    """
    draws, width = reached.shape
    if not reached.size:
        return np.zeros(draws)
    shift = 2.0 * np.arange(draws)[:, None]
    line, wanted = (reached + shift).ravel(), (RECALLS + shift).ravel()
    places = np.searchsorted(line, wanted).reshape(draws, -1) - width * np.arange(draws)[:, None]
    inside = places < width
    values = np.take_along_axis(precise, np.minimum(places, width - 1), axis=1)
    return np.where(inside, values, 0.0).mean(axis=1)


def _statistic(matched):
    """The function from weights (draws, n) to all scores (draws, s)."""

    def statistic(weights):
        found = [[average_precisions(one, weights) for one in sizes] for sizes in matched]
        precisions = np.array([[one for one, _ in sizes] for sizes in found])  # (k, size, draws, t)
        recalls = np.array([sizes[0][1] for sizes in found])  # (k, draws, t)
        whole = precisions[:, 0]
        columns = [
            _mean(whole),
            _mean(whole[..., HALF : HALF + 1]),
            _mean(whole[..., THREE_QUARTERS : THREE_QUARTERS + 1]),
            _mean(recalls),
            *(_mean(precisions[:, size]) for size in range(1, len(SIZES))),
        ]
        for k in range(len(matched)):
            columns += [whole[k].mean(axis=1), whole[k, :, HALF], recalls[k].mean(axis=1)]
        return np.stack(columns, axis=1)

    return statistic


def _mean(values):
    """Mean over classes and IoU (k, draws, t) of what is defined: (draws,)."""
    return mean_defined(np.moveaxis(values, 0, -1).reshape(values.shape[1], -1))
