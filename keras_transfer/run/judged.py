"""What runs that are compared are judged by: targets and predictions of the same examples."""

import numpy as np

from keras_transfer.errors import UserError, count
from keras_transfer.inputs.common.arrays import as_tuple


def judged(every):
    """[(task, targets, predictions)] of each run, the outputs in one order.

    Args:
        every: {name: `run.scored.Scored`}, of the same examples in the same order.

    Raises:
        UserError: labels that differ.

    Targets that lie inside an example differ with the size that a model sees.
    """
    scored = list(every.values())
    task = scored[0].task
    if not task.tabular:
        _check_labels(every)
        return [(one.task, one.targets, one.predictions) for one in scored]
    targets = _targets(every)
    return [
        (task, targets, task.reorder(one.predictions, list(one.task.outputs))) for one in scored
    ]


def _targets(every):
    """The targets, which are the same for all runs."""
    (first, one), *others = every.items()
    for name, other in others:
        labels = one.task.align(other.labels, other.task.outputs)
        one.task.check_known(labels)
        again = one.task.encode(labels)
        for here, there in zip(as_tuple(one.targets), as_tuple(again), strict=True):
            unlike = np.flatnonzero((here != there).reshape(len(here), -1).any(axis=1))
            _refuse_unlike(unlike, (first, one), (name, other))
    return one.targets


def _check_labels(every):
    """Refuse runs whose labels, as texts, differ."""
    (first, one), *others = every.items()
    for name, other in others:
        texts = (scored.table["label"].to_numpy() for scored in (one, other))
        _refuse_unlike(np.flatnonzero(np.not_equal(*texts)), (first, one), (name, other))


def _refuse_unlike(unlike, first, second):
    """Refuse labels that differ at these places; of each run its name and its Scored."""
    if not len(unlike):
        return
    (name, one), (other_name, other) = first, second
    where, row = (scored.table.iloc[unlike[0]] for scored in (one, other))
    raise UserError(
        f"labels differ for {count(len(unlike), 'example')}",
        f"{where['path']}: {where['label']} in {name}, {row['label']} in {other_name}",
        "Compare runs that learned from the same labels",
    )
