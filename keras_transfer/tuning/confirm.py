"""Whether the best trial is better than the defaults, on training examples that did not choose it.

The best of many trials on few examples is mostly luck. So train is divided: one part judges all
trials, and on the others the best is held against the defaults, each trained on the rest of train.
"""

import time
from typing import NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import UserError
from keras_transfer.evaluate.paired import CHANCE, best_p_value
from keras_transfer.tuning.trial import PARTS

MOST = 0.6  # share of the budget that is kept for this


class Comparison(NamedTuple):
    """The best trial against the defaults, on examples that neither trained on.

    Attributes:
        examples: how many; default, best: mean errors on them, of `Judgement`.
        p_value: that the best is no better; fresh: whether these examples did not choose it.
    """

    examples: int
    default: float
    best: float
    p_value: float
    fresh: bool

    @property
    def more_than_chance(self):
        return self.p_value < CHANCE


def best_and_default(study):
    """(the trial with the lowest loss, that of the defaults); None where nothing is finished."""
    done = study.done()
    if not done:
        return None
    best = min(done, key=lambda trial: (trial.value, trial.number))
    return best, next((trial for trial in done if study.is_default(trial)), best)


def seconds_needed(study, budget):
    """What comparing the best trial so far with the defaults will take, at most a share of the
    budget (seconds); 0 where the defaults are the best."""
    found = best_and_default(study)
    if found is None or found[0].number == found[1].number:
        return 0.0
    return min(MOST * budget, (PARTS - 1) * sum(map(_seconds, found)))


def _seconds(trial):
    return trial.user_attrs.get("seconds", 0.0)


def compare(study, judge, values_of, deadline, seed):
    """The Comparison of the best trial with the defaults.

    Args:
        judge: `trial.Judge`; values_of: trial -> {setting: value}.
        deadline: `time.monotonic()`, after which no further part is begun; what an earlier call
            found is there already.
    """
    best, default = best_and_default(study)
    errors, groups = [], []
    for part in range(1, judge.parts()):
        try:
            if not _judged(study, judge, (default, best), part, values_of, deadline):
                break
        except UserError as error:  # settings that cannot be relied on
            progress.warn(f"a training on part {part + 1} of train went wrong: {error}")
            return _without_parts(study, judge, best, default, seed)._replace(p_value=1.0)
        errors.append([study.errors(trial.number, part) for trial in (default, best)])
        groups.append(judge.groups(part))
    if errors:
        default, best = (np.concatenate(column) for column in zip(*errors, strict=True))
        p_value = best_p_value((default - best)[:, None], np.concatenate(groups), seed)
        return Comparison(len(best), float(default.mean()), float(best.mean()), p_value, True)
    return _without_parts(study, judge, best, default, seed)


def _judged(study, judge, trials, part, values_of, deadline):
    """Whether there was time to judge trials by a part of train."""
    for trial in trials:
        if study.errors(trial.number, part) is not None:
            continue
        minutes = (deadline - time.monotonic()) / 60
        if minutes < _seconds(trial) / 60:
            return False
        with progress.quietly(True):
            found = judge.run(values_of(trial), minutes, part=part)
        study.keep_errors(trial.number, found.errors, part)
        progress.say(f"trial {trial.number} on part {part + 1} of train: {found.loss:.4f}")
    return True


def _without_parts(study, judge, best, default, seed):
    """By the examples that chose the best: the more trials, the better it has to be."""
    own = study.errors(default.number)
    others = [study.errors(t.number) for t in study.done() if t.number != default.number]
    p_value = best_p_value(own[:, None] - np.stack(others, axis=1), judge.groups(), seed)
    return Comparison(len(own), default.value, best.value, p_value, False)
