"""The examples that an exported file is proven on, and those that calibrate it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

MOST = 500  # examples that a file is scored on: a loss of 2 % shows in so many, most of the time
SAMPLE = 500  # training examples for the quantiser
GOLDEN = 8  # examples that are kept beside a file


class EvaluationSet(NamedTuple):
    """Examples that did not train the model, with what is right of them.

    Attributes:
        split: which they are; `of`: how many it has, `len(pixels)` of which are here.
        used_for_selection: whether they chose something (an epoch).
        pixels: uint8 (n, s, s, 3), as the model gets them.
        targets: (n, ...), as `task.encode` gives them; groups: (n,) names, or None.
        shown: (n,) names of the examples; files: (n,) paths, None where there are none.
        max_pixels: of a file; one with more is not read.
        sample: gives training examples, uint8 (m, s, s, 3): few formats ask for them.
    """

    split: str
    of: int
    used_for_selection: bool
    pixels: np.ndarray
    targets: np.ndarray
    groups: np.ndarray | None
    shown: list
    files: list | None
    max_pixels: int
    sample: Callable


def draw_evaluation_set(dataset, config):
    """The EvaluationSet in `strategies.examples.Examples`: of val, or of test where val chose."""
    selected_on = dataset.selected_on(config)
    known = [split for split in ("val", "test") if len(dataset.rows(split))]
    split = min(known, key=lambda split: split in selected_on)
    every = dataset.rows(split)
    rows = _draw(every, MOST, config.seed)
    examples = dataset.examples
    table = examples.table.iloc[rows]
    groups = table["group"].to_numpy()
    return EvaluationSet(
        split=split,
        of=len(every),
        used_for_selection=split in selected_on,
        pixels=examples.batch(rows),
        targets=dataset.targets[rows],
        groups=groups if all(groups) else None,
        shown=list(table["shown"]),
        files=None if examples.array is not None else list(table["path"]),
        max_pixels=examples.max_pixels,
        sample=lambda: examples.batch(_stratified(dataset, SAMPLE, config.seed)),
    )


def _draw(rows, most, seed):
    """At most so many of `rows`, drawn with a seed, in their order."""
    drawn = np.random.default_rng(seed).permutation(len(rows))[:most]
    return rows[np.sort(drawn)]


def _stratified(dataset, most, seed):
    """Training rows, the labels in turn, so that each part of them has something of every label."""
    rows = dataset.rows("train")
    rows = rows[np.random.default_rng(seed).permutation(len(rows))]
    labels = dataset.examples.table["label"].to_numpy()[rows]
    turn, seen = np.empty(len(rows), np.int64), {}
    for place, label in enumerate(labels):
        turn[place] = seen[label] = seen.get(label, -1) + 1
    return rows[np.argsort(turn, kind="stable")][:most]
