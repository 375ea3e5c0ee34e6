"""Scores of predicted numbers: mean absolute error, root mean squared error, R2."""

import numpy as np

from keras_transfer.evaluate.draws import (
    Draws,
    mean_defined,
    number,
    refuse_broken_numbers,
    share,
)
from keras_transfer.evaluate.sample import Sample


def score_regression(labels, predictions, names, groups=None, seed=0):
    """The scores of numbers; intervals are 95 %, Student's t on the scale of the log of an error
    (for R2 of 1 - R2), with the spread of a bootstrap of 1000 draws.

    Args:
        labels, predictions: (n, t), or (n,) of one number; names: of the t numbers.
        groups: (n,) names of what belongs together, or None; seed: of the bootstrap.

    Returns:
        A dict of Python numbers; `loss` is the mean squared error in the unit of the numbers.
        R2 of one example, or of numbers that are all alike, is None.
    """
    width = len(names)
    labels, predictions = (
        np.reshape(np.asarray(numbers, np.float64), (len(numbers), width))
        for numbers in (labels, predictions)
    )
    predictions = refuse_broken_numbers(predictions, labels.shape)
    draw = Draws(len(labels), groups, seed)
    n, width = labels.shape
    error = predictions - labels
    floor = n * (1e-12 * np.abs(labels).max(axis=0, initial=0.0)) ** 2

    def errors(weights):
        """Mean absolute error, root mean squared error, R2: (draws, 3, targets)."""
        total = weights.sum(axis=1)[:, None]
        absolute, squared = weights @ np.abs(error), weights @ error**2
        mean = share(weights @ labels, np.broadcast_to(total, absolute.shape))
        spread = np.stack(
            [(weights * (labels[:, t] - mean[:, t, None]) ** 2).sum(axis=1) for t in range(width)],
            axis=1,
        )
        whole = np.broadcast_to(total, absolute.shape)
        # numbers that are all equal have no spread to explain: what is left is rounding
        explained = 1 - share(squared, np.where(spread > floor, spread, 0.0))
        return np.stack([share(absolute, whole), np.sqrt(share(squared, whole)), explained], 1)

    def means(weights):
        absolute, root, explained = mean_defined(errors(weights)).T
        return {"mae": absolute, "rmse": root, "unexplained": 1 - explained}

    sample = Sample(draw, means, width)
    scores = {"n": n, "loss": number((error**2).mean()) if n else None}
    scores |= {name: sample.positive(name) for name in ("mae", "rmse")}
    scores["r2"] = complement(sample.positive("unexplained"))
    if width > 1:
        rows = np.reshape(draw.value(errors), (3, width))
        scores["per_target"] = {
            name: dict(zip(("mae", "rmse", "r2"), rows[:, t].tolist(), strict=True))
            for t, name in enumerate(names)
        }
    return scores


def complement(score):
    """1 - a {value, low, high}; its ends change places."""
    turned = {"value": "value", "low": "high", "high": "low"}
    return {name: score[of] if score[of] is None else 1 - score[of] for name, of in turned.items()}
