"""Classes of an earlier run, learned again from features that it kept, beside new ones.

No image of them is needed. Each class counts alike, and all of them no more than the rarest: inside
train, with one of five or six classes cut down to five images, that found 61 % and 38 % of its
images (flowers, waste), weights with a mean of 1 found 49 % and 23 %, none 28 % and 8 %; the mean
over classes rose by 4 and 2 points (benchmarks/adding_class.py).
"""

from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.data.splits import folds
from keras_transfer.errors import UserError
from keras_transfer.model.training_features import FILE, read_training_features
from keras_transfer.strategies.common.exact_head import FOLDS


def read_kept(folder, size=None):
    """The TrainingFeatures of a run, with labels.

    Args:
        folder: of the run; size: of the features that its base gives, None for whatever they are.

    Raises: UserError for a run that kept none.
    """
    kept = read_training_features(folder, size)
    if kept is None or kept.labels is None or not len(kept.labels):
        found = Path(folder) / FILE if kept is None else f"{Path(folder) / FILE} without labels"
        advice = "Train it again: it then keeps features of its training images, with labels"
        raise UserError("this run kept nothing of its classes", found, advice)
    return kept


def same_place(one, other):
    """Whether two paths name one run: its folder, or the model.keras in it."""
    places = [Path(path).expanduser().resolve() for path in (one, other)]
    places = [place.parent if place.name == "model.keras" else place for place in places]
    return places[0] == places[1]


def join_kept(problem, kept, task):
    """A FewExamples with the kept features behind its own, each class counting alike."""
    numbers = task.class_numbers(task.encode(list(kept.labels)))
    numbers = np.concatenate([problem.numbers, numbers])
    counts = np.bincount(numbers, minlength=problem.classes)
    weights = np.concatenate([problem.weights, np.ones(len(kept.labels))])
    return problem._replace(
        features=np.concatenate([problem.features, kept.features.astype(np.float64)]),
        numbers=numbers,
        weights=weights * (counts.min() / counts)[numbers],
    )


def say_what_stays(problem, new, seed):
    """Say how many kept examples are still predicted right now that there are other classes.

    Args:
        problem: FewExamples with kept ones behind the `new` first examples.
        seed: of the folds.
    """
    numbers = problem.numbers[new:]
    old = np.unique(numbers)
    if len(old) < 2:
        return
    parts = folds([(str(n),) for n in numbers], [""] * len(numbers), FOLDS, seed)
    right = np.zeros((2, len(numbers)), bool)
    for fit, judge in parts:
        beside = np.concatenate([np.arange(new), new + fit])
        right[0, judge] = problem.predictions(beside, new + judge).argmax(1) == numbers[judge]
        before = problem._replace(
            numbers=np.searchsorted(old, problem.numbers), classes=len(old)
        ).predictions(new + fit, new + judge)
        right[1, judge] = old[before.argmax(1)] == numbers[judge]
    now, then = right.mean(axis=1)
    progress.say(
        f"of {len(numbers)} kept examples of the earlier classes {now:.1%} are predicted right in "
        f"cross-validation; without the new ones it was {then:.1%}"
    )
