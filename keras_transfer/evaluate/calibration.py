"""Whether predictions are right as often as they claim: the expected calibration error."""

import math

import numpy as np

from keras_transfer.evaluate.draws import share

BINS = 15  # of equal mass, as in Guo, Pleiss, Sun and Weinberger 2017 (theirs are of equal width)


def equal_mass_bins(confidence, bins=BINS):
    """The bin of each confidence (n,): int64 (n,), about n / `bins` in each.

    Equal confidences share a bin, so that the order of the examples does not matter; of less than
    `bins` different ones each has its own.
    """
    ordered = np.sort(confidence, kind="stable")
    first = np.searchsorted(ordered, confidence, side="left")
    return first * bins // max(1, len(ordered))


def calibration_gaps(confidence, right, bins=BINS):
    """What each example adds to each bin: right less confidence, float64 (n, bins).

    Args:
        confidence: 0 to 1 (n,), or (n, m) of m decisions an example.
        right: bool, of the same shape.
    """
    confidence = np.asarray(confidence, np.float64)
    rows = np.repeat(np.arange(len(confidence)), confidence[:1].size or 1)
    places = rows * bins + equal_mass_bins(confidence.ravel(), bins)
    gaps = (np.asarray(right, np.float64) - confidence).ravel()
    size = len(confidence) * bins
    return np.bincount(places, weights=gaps, minlength=size).reshape(len(confidence), bins)


def calibration_errors(weights, gaps, decisions=1):
    """Expected calibration errors (draws,) of weights (draws, n): mean distance of confidence and
    accuracy over the bins of `calibration_gaps`; `decisions`: m of them."""
    return share(np.abs(weights @ gaps).sum(axis=1), decisions * weights.sum(axis=1))


def calibration_noise(weights, gaps, decisions=1):
    """The mean distance (draws,) of each bin's gap from that of all examples: what chance makes
    of no distance at all; arguments as of `calibration_errors`."""
    total = weights.sum(axis=1)
    chance = weights @ gaps - total[:, None] * (gaps.sum(axis=0) / max(1, len(gaps)))
    return share(np.abs(chance).sum(axis=1), decisions * total)


def expected_calibration_error(confidence, right, bins=BINS):
    """Mean distance of confidence and accuracy over bins of equal mass, 0 to 1.

    Biased: a calibrated model's is not 0 but about 0.8 standard errors of a bin's accuracy.

    Args:
        confidence: (n,), 0 to 1; right: bool (n,). NaN without examples.
    """
    gaps = calibration_gaps(confidence, right, bins)
    return float(calibration_errors(np.ones((1, len(gaps))), gaps)[0])


def debiased_calibration_error(confidence, right, bins=BINS):
    """The expected calibration error less its expected bias, at least 0.

    The accuracy of a bin is taken as normal around what was found, and the error that such
    accuracies would have, less the one found, is the bias: `_normal_debiased_ce` of the library
    to Kumar, Liang and Ma 2019 (arXiv:1909.10155), with the mean of the folded normal
    distribution in place of a thousand draws.

    Args:
        confidence: (n,), 0 to 1; right: bool (n,). NaN without examples.
    """
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if not len(confidence):
        return float("nan")
    found = expected = 0.0
    numbers = equal_mass_bins(confidence, bins)
    for inside in (numbers == number for number in np.unique(numbers)):
        accuracy, n = right[inside].mean(), inside.sum()
        gap = abs(accuracy - confidence[inside].mean())
        found += n * gap
        expected += n * _folded_mean(gap, math.sqrt(accuracy * (1 - accuracy) / n))
    return max(0.0, float(2 * found - expected) / len(confidence))


def _folded_mean(mean, spread):
    """The mean of |x| for x normal with this mean and standard deviation."""
    if spread == 0:
        return abs(mean)
    density = spread * math.sqrt(2 / math.pi) * math.exp(-(mean**2) / (2 * spread**2))
    return density + mean * math.erf(mean / (spread * math.sqrt(2)))
