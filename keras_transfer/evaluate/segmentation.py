"""Scores of segmentation, with intervals over images: from one confusion matrix an image."""

import numpy as np

from keras_transfer.evaluate.draws import Draws, mean_defined, share
from keras_transfer.evaluate.per_class import with_intervals

TOLERANCE = 0.0075  # of the diagonal: a border that near is right (Csurka et al. 2013)
CLASS_COLUMNS = ("iou", "accuracy", "boundary_f1")


def confusions(targets, predicted, classes, ignored):
    """Pixels by true class (rows) and predicted one, of each image: int64 (n, k, k).

    Args:
        targets: uint8 (n, h, w), `ignored` where a pixel says nothing; predicted: uint8 (n, h, w).
    """
    found = np.empty((len(targets), classes, classes), np.int64)
    for place, (own, guess) in enumerate(zip(targets, predicted, strict=True)):
        counts = own != ignored
        pairs = own[counts].astype(np.int64) * classes + guess[counts]
        found[place] = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return found


def ious(matrices):
    """IoU (..., k) of each class of confusion matrices (..., k, k); NaN of one that is nowhere."""
    right = np.diagonal(matrices, axis1=-2, axis2=-1)
    either = matrices.sum(axis=-1) + matrices.sum(axis=-2) - right
    return share(right.astype(np.float64), either.astype(np.float64))


def boundary_counts(targets, predicted, classes, ignored):
    """How many pixels of borders lie near one of the other: float64 (n, k, 4).

    The columns: predicted ones near a true one, all predicted ones, true ones near a predicted
    one, all true ones.
    """
    from scipy.ndimage import maximum_filter

    found = np.zeros((len(targets), classes, 4))
    height, width = targets.shape[1:]
    reach = 2 * max(1, round(TOLERANCE * float(np.hypot(height, width)))) + 1
    for place, (own, guess) in enumerate(zip(targets, predicted, strict=True)):
        counts = own != ignored
        for number in np.intersect1d(np.arange(classes), np.union1d(own, guess)):
            true, claimed = (_border(one == number) & counts for one in (own, guess))
            near_true, near_claimed = (maximum_filter(one, reach) for one in (true, claimed))
            found[place, number] = (
                (claimed & near_true).sum(),
                claimed.sum(),
                (true & near_claimed).sum(),
                true.sum(),
            )
    return found


def _border(inside):
    """The pixels of a region that have a neighbour outside of it; the image's own edge is none."""
    padded = np.pad(inside, 1, mode="edge")
    whole = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~whole


def score_segmentation(targets, predicted, names, ignored, groups=None, seed=0):
    """The scores of a split.

    Args:
        targets, predicted: as of `confusions`; names: of the classes.
        groups: (n,) of what belongs together, or None; seed: of intervals.

    Returns:
        dict: n; miou (mean over classes of the IoU over all pixels), pixel_accuracy, boundary_f1
        (mean over classes), each {value, low, high}; per_class: {name: {n (images with
        the class), iou, accuracy, boundary_f1, intervals}}; classes_without_pixels.
    """
    count = len(names)
    matrices = confusions(targets, predicted, count, ignored)
    borders = boundary_counts(targets, predicted, count, ignored)
    found = Draws(len(targets), groups, seed).score(_statistic(matrices, borders))
    images = (matrices.sum(axis=2) > 0).sum(axis=0)  # with pixels of each class
    width = len(CLASS_COLUMNS)
    per_class = {
        name: {
            "n": int(images[place]),
            **with_intervals(
                dict(zip(CLASS_COLUMNS, found[3 + place * width :][:width], strict=True))
            ),
        }
        for place, name in enumerate(names)
    }
    return {
        "n": len(targets),
        **dict(zip(("miou", "pixel_accuracy", "boundary_f1"), found, strict=False)),
        "classes_without_pixels": [n for n, count in zip(names, images, strict=True) if not count],
        "per_class": per_class,
    }


def _statistic(matrices, borders):
    """The function from weights (draws, n) to all scores (draws, 3 + 3 k)."""
    count, classes = matrices.shape[:2]
    flat = np.concatenate([matrices.reshape(count, -1), borders.reshape(count, -1)], axis=1)
    flat = flat.astype(np.float64)

    def statistic(weights):
        sums = weights @ flat
        matrix = sums[:, : classes * classes].reshape(-1, classes, classes)
        edges = sums[:, classes * classes :].reshape(-1, classes, 4)
        each = ious(matrix)
        right = np.diagonal(matrix, axis1=1, axis2=2)
        accuracy = share(right, matrix.sum(axis=2))
        near, claimed, reached, true = np.moveaxis(edges, -1, 0)
        precision, recall = share(near, claimed), share(reached, true)
        f1 = share(2 * precision * recall, precision + recall)
        f1 = np.where((claimed + true > 0) & np.isnan(f1), 0.0, f1)
        whole = share(right.sum(axis=1), matrix.sum(axis=(1, 2)))
        columns = np.stack([each, accuracy, f1], axis=2).reshape(len(weights), -1)
        means = np.stack([mean_defined(each), whole, mean_defined(f1)], axis=1)
        return np.concatenate([means, columns], axis=1)

    return statistic
