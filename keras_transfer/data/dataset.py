"""What a strategy learns from: examples, their targets, who is in which split and held out."""

import time
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.data.class_splits import divide, learned_table, with_class_splits
from keras_transfer.data.examples import Examples, check_skipped, read_examples
from keras_transfer.data.readable import readable_contents, remember_readable
from keras_transfer.data.splits import (
    check_labels,
    complete_splits,
    draw_part,
    find_duplicates,
    find_shared_groups,
    groups_of,
)
from keras_transfer.errors import UserError, count
from keras_transfer.inputs.common.arrays import take
from keras_transfer.tasks import find_task

HOLDOUT_SHARE = 0.1  # of train, held out to select epochs and to judge
SMALL_SET = 1000  # training examples; of fewer a fifth is held out: a tenth is too few to judge by


NOBODY = np.array([], np.int64)


class Holdout(NamedTuple):
    """Who is trained on while something is selected, and by whom it is selected.

    Attributes:
        fit, select: indices of examples.
        split: the split that `select` lies in: train or val.
    """

    fit: np.ndarray
    select: np.ndarray
    split: str


@dataclass(frozen=True)
class Dataset:
    """Examples with targets.

    Attributes:
        examples: the readable ones; all indices refer to them.
        task: one of `tasks`.
        targets: what `task.encode` made of the labels: arrays (n, ...).
        holdout: drawn once, for everything that selects.
        new_classes: {split: Examples} of val and test where their classes are not those of train.
        begun: when training could begin (`time.monotonic()`); a budget of time counts from here.
    """

    examples: Examples
    task: Any
    targets: Any
    holdout: Holdout
    new_classes: dict = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    @property
    def splits(self):
        return self.examples.table["split"].to_numpy()

    def indices(self, split):
        """Indices of the examples of `split`."""
        return np.flatnonzero(self.splits == split)

    def groups(self, indices):
        """Group of each example; one of its own where it has none."""
        groups = groups_of(self.examples.table)[indices]
        return np.array([group or f"row {i}" for group, i in zip(groups, indices, strict=True)])

    def strata(self, indices):
        """Strata of each example, for folds."""
        return self.task.strata(list(self.examples.table["label"].iloc[indices]))

    def weights(self, indices, class_weight):
        """Weight float32 (n,) of each example in training."""
        if class_weight == "balanced":
            return self.task.example_weights(take(self.targets, indices))
        return np.ones(len(indices), np.float32)


def make_dataset(examples, task, holdout):
    """The Dataset of examples: their labels become targets."""
    task = task.for_inputs(examples.spec)
    targets = encode_labels(task, examples, list(examples.table["label"]))
    return Dataset(examples, task, targets, holdout)


def encode_labels(task, examples, labels):
    """Targets for labels of all `examples`, in their order."""
    return task.encode(labels, examples.geometries if task.needs_geometry else None)


def dataset_of_new_classes(dataset, split):
    """The Dataset of a split with classes of its own, nobody held out; None where it has none."""
    if split not in dataset.new_classes:
        return None
    examples = dataset.new_classes[split]
    labels = list(examples.table["label"])
    task = type(dataset.task).from_labels(labels, np.ones(len(labels), bool))
    return make_dataset(examples, task, Holdout(NOBODY, NOBODY, split))


def holdout_share(training):
    """How much of so many training examples is held out."""
    return HOLDOUT_SHARE if training >= SMALL_SET else 2 * HOLDOUT_SHARE


def draw_holdout(table, task, seed, may_be_empty=False):
    """The Holdout of a table with complete splits.

    Only where the data brings train, val and test does val select; else a seeded tenth of train
    (a fifth of a small one) is held out, so that no score is measured on what selected something.

    Args:
        may_be_empty: whether nobody selects, in place of an error, where each class has one.
    """
    splits = table["split"].to_numpy()
    train, val = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "val")
    if len(val) and (splits == "test").any():
        return Holdout(train, val, "val")
    strata, groups = task.strata(list(table["label"].iloc[train])), groups_of(table)[train]
    inside = draw_part(strata, groups, holdout_share(len(train)), seed, may_be_empty)
    return Holdout(train[~inside], train[inside], "train")


def read_dataset(source, spec, config):
    """Read every example, skip what is broken, draw the splits, encode the labels.

    Args:
        source: a `data.sources.specs.Source`; spec: InputSpec; config: TrainConfig.
    """
    task = find_task(source.task)
    source = with_class_splits(source, config)
    source = replace(source, table=with_label_settings(source.table, task, config))
    least, kept = config.LEAST_EXAMPLES, config.kept_classes
    # before hours of reading; and again without what is broken
    check_labels(learned_table(source.table, config), task, least, kept)
    _check_settings(source, task, config)
    known = readable_contents(spec) if config.cache_features else set()
    examples = read_examples(source, spec, known)
    if config.cache_features:
        remember_readable(spec, examples.digests, known)
    for note in (*source.notes, *examples.notes):
        progress.say(f"note: {note}")
    check_skipped(examples, config.max_skipped)
    _check_whole_classes(source.table, examples, task)
    examples, new_classes = divide(examples, config)
    check_labels(examples.table, task, least, kept)
    strata = task.strata(list(examples.table["label"]))
    table = examples.table
    if config.split_by == "example":
        table = complete_splits(table, strata, config.seed, config.ALL_TRAIN_BELOW)
    _name_overlaps(table)
    in_train = (table["split"] == "train").to_numpy()
    fitted = task.from_labels(list(table["label"]), in_train, source.numbers)
    holdout = draw_holdout(table, fitted, config.seed, may_be_empty=least < 2)
    dataset = make_dataset(replace(examples, table=table), fitted, holdout)
    dataset = replace(dataset, new_classes=new_classes)
    for note in dataset.task.target_notes(take(dataset.targets, dataset.indices("train"))):
        progress.warn(note)
    dataset.weights(dataset.indices("train"), config.class_weight)  # refuses what has no classes
    return dataset


def with_label_settings(table, task, config):
    """A table whose labels are as the task's own settings want them."""
    column = np.empty(len(table), object)
    column[:] = task.with_settings(list(table["label"]), config)
    return table.assign(label=column)


def _check_settings(source, task, config):
    """Refuse settings that do not fit the labels."""
    every = np.ones(len(source.table), dtype=bool)
    task.from_labels(list(source.table["label"]), every, source.numbers).check_settings(config)


def _check_whole_classes(table, examples, task):
    """Refuse a set in which all examples of a class, or of a split, are unreadable."""
    for column in task.whole_columns():
        gone = sorted(set(table[column]) - set(examples.table[column]))
        if gone:
            first = examples.skipped.iloc[0]
            raise UserError(
                f"no example with the {column} {gone[0]} can be read",
                f"{first['path']}: {first['reason']}",
                "Mend or remove them",
            )


def _name_overlaps(table):
    """Warn of what stands on two sides: the same contents, or members of one group."""
    pairs = find_duplicates(table, table["sha256"])
    if pairs:
        one, other, split, other_split = pairs[0]
        progress.warn(
            f"{count(len(pairs), 'example')} in two splits make scores look better than they are; "
            f"first: {one} ({split}) and {other} ({other_split})"
        )
    shared = find_shared_groups(table)
    if shared:
        group, splits = shared[0]
        progress.warn(
            f"{count(len(shared), 'group')} with examples in two splits make scores look better "
            f"than they are; first: {group} ({', '.join(splits)}). Move each group to one side"
        )


def fingerprint(table):
    """sha256 over what was learned from: contents, labels and splits, whatever their order."""
    lines = sorted(map(str, zip(table["sha256"], table["label"], table["split"], strict=True)))
    return sha256("\n".join(lines).encode()).hexdigest()
