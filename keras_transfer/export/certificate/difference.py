"""Does an exported file answer as the model does? It is run as a stranger would run it."""

import numpy as np

from keras_transfer.errors import unknown_name
from keras_transfer.export.names import ANSWERS
from keras_transfer.export.readers import open_export

TOLERANCE = 1e-3  # of the spread of the logits
LEAST = 1e-30  # a probability under it is as good as none, and float32 ends at 1e-38
NEAR_ONE = 1e-4  # float32 holds 1 - p to 6e-8 only: nearer to 1, log-odds are rounding


def check_export(path, pixels, expected, task="classification"):
    """The largest difference between a file's logits and the model's, in units of their spread.

    Logits are log-probabilities less their mean over the classes (classification), log-odds
    (multilabel, up to p = 0.9999) or the numbers themselves, each target for itself (regression).
    Their spread is the largest minus the smallest expected one, over all examples and classes; at
    least 1 % of the largest in size, so that numbers which hardly differ are not held to digits
    that float32 lacks.

    Args:
        path: of the file, or of its folder.
        pixels: uint8 (n, s, s, 3); examples that differ: equal answers prove little.
        expected: (n, k) what the float32 model answers (of mixed precision: `float32_copy`).

    Returns:
        The difference, to be held against TOLERANCE; infinite for answers that are not finite or
        not of the expected shape.
    """
    return logit_difference(open_export(path).predict_arrays(pixels), expected, task)


def logit_difference(found, expected, task):
    """As `check_export`, for answers (n, k) at hand."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    found, wanted = _logits(found, task), _logits(expected, task)
    axis = 0 if task == "regression" else None
    spread = np.maximum(np.ptp(wanted, axis=axis), 0.01 * np.abs(wanted).max(axis=axis))
    spread = np.where(spread > 0, spread, 1.0)
    return float((np.abs(found - wanted).max(axis=axis) / spread).max())


def _logits(predictions, task):
    if task not in ANSWERS:
        raise unknown_name("task", task, ANSWERS)
    if task == "regression":
        return predictions
    if task == "multilabel":
        likely = np.clip(predictions, LEAST, 1 - NEAR_ONE)
        return np.log(likely) - np.log1p(-likely)
    logs = np.log(np.clip(predictions, LEAST, None))
    return logs - logs.mean(axis=1, keepdims=True)
