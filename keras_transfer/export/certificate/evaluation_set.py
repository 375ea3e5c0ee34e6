"""The examples that an exported file is proven on, and those that calibrate it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from keras_transfer.inputs.common.arrays import take

MOST = 500  # examples that a file is scored on: a loss of 2 % shows in so many, most of the time
SAMPLE = 500  # training examples for the quantiser


class EvaluationSet(NamedTuple):
    """Examples that did not train the model, with their targets.

    Attributes:
        split: which they are; `split_size`: how many it has, of which some are here.
        used_for_selection: whether they selected something (an epoch).
        inputs: arrays (n, ...), as the model takes them.
        targets: arrays (n, ...), as `task.encode` gives them.
        groups: (n,) names of what belongs together, "" for an example on its own; or None.
        shown: (n,) names of the examples; files: (n,) paths, None where there are none.
        sample: gives training examples, arrays (m, ...): few formats ask for them.
    """

    split: str
    split_size: int
    used_for_selection: bool
    inputs: Any
    targets: Any
    groups: np.ndarray | None
    shown: list
    files: list | None
    sample: Callable


def draw_evaluation_set(dataset, selected_on, seed):
    """The EvaluationSet of a `data.dataset.Dataset`: of val, or of test where val selected.

    Where there is neither, it is of train: a file can still be held against the model.
    """
    known = [split for split in ("val", "test") if len(dataset.indices(split))] or ["train"]
    split = min(known, key=lambda split: split == selected_on)
    every, examples = dataset.indices(split), dataset.examples
    drawn = every[np.sort(np.random.default_rng(seed).permutation(len(every))[:MOST])]
    table = examples.table.iloc[drawn]
    return EvaluationSet(
        split=split,
        split_size=len(every),
        used_for_selection=split in (selected_on, "train"),
        inputs=examples.batch(drawn),
        targets=take(dataset.targets, drawn),
        groups=table["group"].to_numpy(),
        shown=list(table["shown"]),
        files=None if examples.array is not None else list(table["path"]),
        sample=lambda: examples.batch(_stratified(dataset, SAMPLE, seed)),
    )


def _stratified(dataset, most, seed):
    """Training indices, the strata in turn, so that each part of them has something of each."""
    train = dataset.indices("train")
    train = train[np.random.default_rng(seed).permutation(len(train))]
    turn, seen = np.empty(len(train), np.int64), {}
    for place, stratum in enumerate(dataset.strata(train)):
        turn[place] = seen[stratum] = seen.get(stratum, -1) + 1
    return train[np.argsort(turn, kind="stable")][:most]
