"""Scores of each split of a table of pictures."""

import numpy as np

from keras_transfer.evaluate.scores import score_split

SMALL = 50  # pictures; under it an interval is wider than most differences one looks for


def score_splits(task, table, targets, answers, used_to_choose=(), seed=0):
    """The `splits` of metrics.json.

    Args:
        task: one of `tasks`.
        table: DataFrame with `split` and `group`; a picture without a split counts to "all".
        targets, answers: (n, ...) encoded labels, and what the model says, in the table's order.
        used_to_choose: names of splits that chose an epoch or a strength.
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
            task.name, targets[rows], answers[rows], task.outputs, groups=grouped, seed=seed
        )
        used = {"used_to_choose": split in used_to_choose}
        scores[split] = {"n": score.pop("n"), **used, **score}
    return scores
