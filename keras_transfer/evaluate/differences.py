"""How far two models' predictions are apart, in units of the spread of the expected ones.

Every function takes `expected` and `found` (n, k) and gives the largest difference; infinite where
`found` has another shape or is not finite.
"""

import numpy as np

LEAST = 1e-30  # a probability under it is as good as none, and float32 ends at 1e-38
NEAR_ONE = 1e-4  # float32 holds 1 - p to 6e-8 only: nearer to 1, log-odds are rounding


def number_difference(expected, found):
    """Of numbers, each column for itself. The spread is the largest less the smallest expected
    one, at least 1 % of the largest in size: numbers that hardly differ are not held to digits
    that float32 lacks."""
    return _difference(expected, found, axis=0)


def log_probability_difference(expected, found):
    """Of log-probabilities less their mean over the classes (softmax logits, centred)."""
    return _difference(expected, found, transform=_centred_logs)


def log_odds_difference(expected, found):
    """Of log-odds, up to p = 0.9999 (sigmoid logits)."""
    return _difference(expected, found, transform=_log_odds)


def _difference(expected, found, transform=lambda numbers: numbers, axis=None):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    found, wanted = transform(found), transform(expected)
    spread = np.maximum(np.ptp(wanted, axis=axis), 0.01 * np.abs(wanted).max(axis=axis))
    spread = np.where(spread > 0, spread, 1.0)
    return float((np.abs(found - wanted).max(axis=axis) / spread).max())


def _centred_logs(likely):
    logs = np.log(np.clip(likely, LEAST, None))
    return logs - logs.mean(axis=1, keepdims=True)


def _log_odds(likely):
    likely = np.clip(likely, LEAST, 1 - NEAR_ONE)
    return np.log(likely) - np.log1p(-likely)
