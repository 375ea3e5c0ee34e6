"""The part of the data that a run would train on, for what may look at nothing else."""

from dataclasses import replace

import numpy as np

from keras_transfer.data.dataset import draw_holdout, make_dataset
from keras_transfer.data.examples import check_skipped, name_skipped, read_examples
from keras_transfer.data.readable import readable_contents, remember_readable
from keras_transfer.data.splits import check_labels, complete_splits
from keras_transfer.tasks import find_task


def training_source(source, seed, least=2):
    """A `data.sources.specs.Source` with the rows of train alone, before anything is read.

    What the data brings as val or test is dropped, whatever its labels are; of data without a
    split the part that a run with this seed draws as test, too.

    Args:
        least: training examples that each class needs.
    """
    task, table = find_task(source.task), source.table
    brought = bool(set(table["split"]) & {"val", "test"})
    table = table[table["split"].isin(("train", ""))].reset_index(drop=True)
    check_labels(table, task, least)
    if not brought:
        table = complete_splits(table, task.strata(list(table["label"])), seed)
    table = table[table["split"] == "train"].reset_index(drop=True)
    return replace(source, table=table)


def read_training_part(source, spec, config):
    """The Dataset of a `training_source`: all train, the holdout drawn inside it.

    Args:
        spec: InputSpec; config: gives seed and max_skipped.
    """
    known = readable_contents(spec)
    examples = read_examples(source, spec, known)
    remember_readable(spec, examples.digests, known)
    check_skipped(examples, config.max_skipped)
    name_skipped(examples)
    every, labels = np.ones(len(examples), bool), list(examples.table["label"])
    task = find_task(source.task).from_labels(labels, every, source.numbers)
    least = config.LEAST_EXAMPLES
    holdout = draw_holdout(examples.table, task, config.seed, may_be_empty=least < 2)
    return make_dataset(examples, task, holdout)
