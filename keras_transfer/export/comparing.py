"""How much an exported file loses, picture by picture, and whether that is more than chance."""

import math
from typing import NamedTuple

import numpy as np

AGREE = 0.90  # a file that answers less of the pictures as the model does has failed
CHANCE = 0.05  # of calling a file worse that is not
NORMAL = 1.6449  # 95 % quantile of the normal distribution
NEAR = 0.1  # numbers of a regression agree within this share of their spread
LISTED = 50  # pictures that changed their answer, by name


def compare(task, expected, found, shown):
    """What `certificate.json` says of one way into a file.

    Args:
        task: one of `tasks`.
        expected, found: answers (n, k) of the model and of the file; shown: (n,) names.

    Returns:
        dict: agreement, largest_difference, mean_difference, changed_count, changed (the first
        LISTED: path, model, file).
    """
    alike = agreeing(task, expected, found)
    apart = np.abs(found - expected)
    changed = [
        {"path": shown[row], "model": task.read(expected[row]), "file": task.read(found[row])}
        for row in np.flatnonzero(~alike)[:LISTED]
    ]
    return {
        "agreement": float(alike.mean()),
        "largest_difference": float(apart.max()),
        "mean_difference": float(apart.mean()),
        "changed_count": int((~alike).sum()),
        "changed": changed,
    }


def agreeing(task, expected, found):
    """Which pictures (n,) a file answers as the model does: the same name, the same labels, a
    number within a tenth of the spread of the model's."""
    if task.name == "classification":
        return expected.argmax(axis=1) == found.argmax(axis=1)
    if task.name == "multilabel":
        return ((expected >= task.threshold) == (found >= task.threshold)).all(axis=1)
    spread = np.maximum(expected.std(axis=0), 1e-12)
    return (np.abs(found - expected) <= NEAR * spread).all(axis=1)


class Verdict(NamedTuple):
    """Whether a file may be used in place of the model.

    Attributes:
        passed: it agrees on AGREE of the pictures and is not clearly worse.
        why: a line for a person.
        drop: mean quality of the model less that of the file (see `qualities`).
        p_value: how likely so large a drop would be by chance.
        pictures_needed: how many would tell whether it loses more than allowed; None where it is
            told already.
    """

    passed: bool
    why: str
    drop: float
    p_value: float
    pictures_needed: int | None


def judge_file(task, targets, expected, found, max_drop):
    """The Verdict on a file: it may lose `max_drop` of the model's quality, and chance.

    A file whose answers all agree passes: what it loses is nothing.
    """
    lost = qualities(task, targets, expected) - qualities(task, targets, found)
    drop, agreement = float(lost.mean()), float(agreeing(task, expected, found).mean())
    p_value = _chance(task, lost)
    if agreement < AGREE:
        why = f"answers {agreement:.1%} of the pictures as the model does; {AGREE:.0%} are needed"
        return Verdict(False, why, drop, p_value, None)
    if drop > max_drop and p_value < CHANCE:
        why = f"loses {drop:.3f}, more than {max_drop:g} and than chance (p = {p_value:.2g})"
        return Verdict(False, why, drop, p_value, None)
    needed = _pictures_needed(lost, drop, max_drop) if agreement < 1.0 else None
    if needed is None:
        return Verdict(True, f"loses no more than {max_drop:g}", drop, p_value, None)
    why = f"loses {drop:+.3f}; about {needed} pictures would tell whether it is over {max_drop:g}"
    return Verdict(True, why, drop, p_value, needed)


def qualities(task, targets, answers):
    """What each picture (n,) adds to the quality: right or not; the share of its labels that are
    right; for numbers 1 - squared error in units of their spread, whose mean is R2."""
    if task.name == "classification":
        return (answers.argmax(axis=1) == targets).astype(np.float64)
    if task.name == "multilabel":
        return ((answers >= task.threshold) == (targets > 0.5)).mean(axis=1)
    spread = np.maximum(targets.std(axis=0), 1e-12)
    return 1.0 - (((answers - targets) / spread) ** 2).mean(axis=1)


def _chance(task, lost):
    """One-sided p-value: McNemar's exact test (1947) of right and wrong, else a paired t-test."""
    from scipy.stats import binomtest, ttest_1samp

    if not lost.any():
        return 1.0
    if task.name == "classification":
        worse, changed = int((lost > 0).sum()), int((lost != 0).sum())
        return float(binomtest(worse, changed, 0.5, alternative="greater").pvalue)
    return float(ttest_1samp(lost, 0.0, alternative="greater").pvalue)


def _pictures_needed(lost, drop, max_drop):
    """How many pictures like these would tell; None where these do.

    Told means that the one-sided 95 % limit of the drop is under `max_drop`, or, of a larger
    drop, that the limit on the other side is over nothing.
    """
    spread = float(lost.std())
    distance = max_drop - drop if drop < max_drop else drop
    needed = (NORMAL * spread / max(distance, 1e-4)) ** 2
    return math.ceil(needed) if needed > len(lost) else None
