"""Scores of each split of a table of examples."""

import numpy as np

from keras_transfer.evaluate.unsure import score_threshold
from keras_transfer.inputs.common.arrays import take

FEW = 50  # examples; under it an interval is wider than most differences one looks for


def score_splits(task, table, targets, predictions, used_for_selection=(), seed=0, thresholds=None):
    """The `splits` of metrics.json.

    Args:
        task: gives `score`.
        table: DataFrame with `split` and `group`; an example without a split counts to "all", one
            without a group is a group of its own.
        targets, predictions: arrays (n, ...), or tuples of them, in the table's order.
        used_for_selection: names of splits that selected an epoch or a setting.
        seed: of the bootstrap.
        thresholds: of the ModelSpec; None or empty where nothing is decided by one.

    Returns:
        {split: scores}, in the order train, val, test, all.
    """
    splits = np.array([split or "all" for split in table["split"]])
    groups = table["group"].to_numpy()
    scores = {}
    for split in ("train", "val", "test", "all"):
        indices = np.flatnonzero(splits == split)
        if not len(indices):
            continue
        parts = take(targets, indices), take(predictions, indices)
        score = task.score(*parts, groups=groups[indices], seed=seed)
        score |= _decided(task, thresholds or {}, *parts, groups[indices], seed)
        used = {"used_for_selection": split in used_for_selection}
        scores[split] = {"n": score.pop("n"), **used, **score}
    return scores


def _decided(task, thresholds, targets, predictions, groups, seed):
    """Scores of what is decided by thresholds."""
    found = task.score_thresholds(thresholds.get("task", {}), targets, predictions, groups, seed)
    if "unsure" in thresholds:
        confidence, wrong = task.confidence(predictions), task.wrong(targets, predictions)
        threshold = thresholds["unsure"]
        found["unsure"] = score_threshold(confidence, wrong, threshold, groups, seed)
    return found
