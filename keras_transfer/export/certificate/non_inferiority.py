"""How much an exported file loses, example by example, and whether that is more than chance."""

import math
from typing import NamedTuple

import numpy as np

from keras_transfer.evaluate.intervals import group_numbers, has_groups
from keras_transfer.evaluate.paired import CHANCE, flip_signs, mcnemar
from keras_transfer.inputs.common.arrays import take

AGREE = 0.90  # a file that agrees with the model on less of the examples has failed
NORMAL = 1.6449  # 95 % quantile of the normal distribution
POWER = 0.8416  # 80 % quantile: examples are enough when they would tell four times of five
FEWEST = 5  # changes for the worse, none for the better, that an exact test calls more than chance
MOST_EXAMPLES = 1_000_000
LISTED = 50  # examples whose prediction changed, by name


def compare(task, expected, found, shown):
    """What `certificate.json` says of one way into a file.

    Args:
        task: one of `tasks`.
        expected, found: predictions of the model and of the file; shown: (n,) names.

    Returns:
        dict: agreement, largest_difference, mean_difference, changed_count, changed (the first
        LISTED: path, model, file).
    """
    alike, apart = task.agreement(expected, found), task.apart(expected, found)
    changed = np.flatnonzero(alike < 1)

    def decoded(predictions, index):
        return task.decode(take(predictions, index))

    return {
        "agreement": float(alike.mean()),
        "largest_difference": float(apart.max(initial=0.0)),
        "mean_difference": float(apart.mean()) if len(apart) else 0.0,
        "changed_count": len(changed),
        "changed": [
            {"path": shown[i], "model": decoded(expected, i), "file": decoded(found, i)}
            for i in changed[:LISTED]
        ],
    }


class Verdict(NamedTuple):
    """Whether a file may be used in place of the model.

    Attributes:
        passed: it agrees on AGREE of the examples and is not clearly worse.
        conclusive: whether the examples are enough to say so.
        reason: a line for a person.
        drop: mean of `Task.example_scores` of the model less that of the file.
        drop_upper_95: with 95 % certainty it is no more than this; None where nothing is known.
        p_value: how likely so large a drop would be by chance.
        examples_needed: how many would most likely tell; None where it is conclusive.
    """

    passed: bool
    conclusive: bool
    reason: str
    drop: float
    drop_upper_95: float | None
    p_value: float
    examples_needed: int | None


def judge_file(task, targets, expected, found, max_drop, groups=None):
    """The Verdict on a file: it may lose `max_drop` of `Task.example_scores`, and chance.

    Args:
        groups: (n,) names of what belongs together (a patient's examples), "" of an example that
            stands alone, or None.
    """
    lost = task.example_scores(targets, expected) - task.example_scores(targets, found)
    alike = task.agreement(expected, found)
    drop, agreement = float(lost.mean()), float(alike.mean())
    losses = _Losses(lost, task.exact_scores, groups)
    p_value, limit, needed = losses.p_value(), losses.limit(), None
    conclusive, passed = True, True
    if agreement < AGREE:
        passed = False
        reason = f"agrees with the model on {agreement:.1%} of the examples; {AGREE:.0%} are needed"
    elif drop > max_drop and p_value < CHANCE:
        passed = False
        reason = f"loses {drop:.3f}, more than {max_drop:g} and than chance (p = {p_value:.2g})"
    elif (alike == 1).all():
        reason = f"agrees with the model on all {len(lost)} examples"
    elif limit is not None and limit <= max_drop:
        reason = f"loses {drop:+.3f}, with 95 % certainty no more than {max_drop:g}"
    else:
        conclusive, needed = False, losses.needed(max_drop)
        many = f"about {needed}" if needed else "very many"
        reason = f"loses {drop:+.3f}; {many} examples would tell whether it is over {max_drop:g}"
    return Verdict(passed, conclusive, reason, drop, limit, p_value, needed)


def hold_headline(verdict, name, lost, allowed):
    """The Verdict on a file that also loses so much of the score of the whole set.

    That score says little of a few examples: a file fails where the scores of single examples say
    that it is worse by more than chance.

    Args:
        name: of the score; lost: of the model's less the file's; allowed: how much it may lose.
    """
    if lost <= allowed or not verdict.passed:
        return verdict
    worse = verdict.drop > 0 and verdict.p_value < CHANCE
    reason = f"loses {lost:.3f} of {name}, more than {allowed:g}"
    reason += f" and than chance (p = {verdict.p_value:.2g})" if worse else "; it may be chance"
    return verdict._replace(passed=not worse, conclusive=worse, reason=reason)


class _Losses:
    """What each example, or each group of them, loses: (n,), and what that tells."""

    def __init__(self, lost, counted, groups):
        """`counted`: losses are -1, 0 or 1, so that exact tests are there."""
        self.count, self.units = len(lost), lost
        grouped = has_groups(groups, len(lost))
        self.counted = counted and not grouped
        if grouped:
            # a group's sum: its mean over groups, times groups over examples, is the drop
            self.units = np.bincount(group_numbers(groups), lost)
        self.scale = len(self.units) / self.count
        self.drop = float(lost.mean())
        self.error = float(self.units.std() / math.sqrt(len(self.units))) * self.scale

    def p_value(self):
        """One-sided: McNemar's exact test of right and wrong; else signs flipped at random, all
        that belongs together as one."""
        if self.counted:
            return mcnemar((self.units > 0).sum(), (self.units < 0).sum(), one_sided=True)
        moved = self.units[self.units != 0]
        return float(flip_signs(moved[:, None], one_sided=True)[0])

    def limit(self):
        """The one-sided 95 % limit of the drop; None of fewer than two groups."""
        if self.counted:
            return self._exact_limit()
        if len(self.units) < 2:
            return None
        from scipy.stats import t

        return self.drop + float(t.ppf(1 - CHANCE, len(self.units) - 1)) * self.error

    def _exact_limit(self):
        """Clopper and Pearson's (1934) upper limit of the share that got worse less the lower one
        of the share that got better: on the safe side."""
        from scipy.stats import beta

        worse, better = (int((self.units == sign).sum()) for sign in (1, -1))
        most = beta.ppf(1 - CHANCE, worse + 1, self.count - worse) if worse < self.count else 1.0
        least = beta.ppf(CHANCE, better, self.count - better + 1) if better else 0.0
        return float(most - least)

    def needed(self, max_drop):
        """How many examples like these would tell with a chance of 80 %; None of very many.

        Conclusive means that the limit of the drop is under `max_drop`, or, of a larger drop, that
        it is more than chance.
        """
        distance = max_drop - self.drop if self.drop < max_drop else self.drop
        spread = self.error * math.sqrt(self.count)
        changed = float((self.units != 0).mean())
        if distance <= 0 or not changed:
            return None
        enough = ((NORMAL + POWER) * spread / distance) ** 2
        enough = math.ceil(max(enough, FEWEST / changed, self.count + 1))
        return enough if enough <= MOST_EXAMPLES else None
