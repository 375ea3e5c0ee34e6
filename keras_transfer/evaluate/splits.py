"""Scores of each split of a table of examples."""

import numpy as np

from keras_transfer.evaluate.scores import score_split

SMALL = 50  # examples; under it an interval is wider than most differences one looks for


def score_splits(task, table, targets, predictions, used_for_selection=(), seed=0):
    """The `splits` of metrics.json.

    Args:
        task: one of `tasks`.
        table: DataFrame with `split` and `group`; an example without a split counts to "all".
        targets, answers: (n, ...) encoded labels, and what the model says, in the table's order.
        used_for_selection: names of splits that chose an epoch or a penalty.
        seed: of the bootstrap.

    Returns:
        {split: scores}, in the order train, val, test, all.
    """
    splits = np.array([split or "all" for split in table["split"]])
    groups = table["group"].to_numpy()
    scores = {}
    for split in ("train", "val", "test", "all"):
        rows = np.flatnonzero(splits == split)
        if not len(rows):
            continue
        grouped = groups[rows] if all(groups[rows]) else None
        score = score_split(
            task.name, targets[rows], predictions[rows], task.outputs, groups=grouped, seed=seed
        )
        used = {"used_for_selection": split in used_for_selection}
        scores[split] = {"n": score.pop("n"), **used, **score}
    return scores
