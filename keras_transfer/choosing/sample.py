"""Training examples to compare bases on: a growing part of them, each class in its share."""

from collections import Counter
from dataclasses import replace

import numpy as np

from keras_transfer.data.dataset import NOBODY, Holdout, make_dataset
from keras_transfer.data.examples import check_skipped, name_skipped, read_examples
from keras_transfer.data.readable import readable_contents, remember_readable
from keras_transfer.data.training_part import training_source
from keras_transfer.errors import UserError
from keras_transfer.tasks import find_task

FIRST = 150  # examples of the first round, or
FIRST_OF_A_CLASS = 5
MOST = 2000  # of more the order of bases hardly changes


class TrainingSample:
    """Examples of train in an order of which each beginning is stratified.

    Args:
        source: a `data.sources.specs.Source`; seed: of the order, and of that draw.
        max_skipped: share of unreadable examples above which nothing is compared.

    Attributes:
        sizes: how many examples each round sees; total: of train.
    """

    def __init__(self, source, seed, max_skipped):
        source = training_source(source, seed)
        task, table = find_task(source.task), source.table
        strata = task.strata(list(table["label"]))
        self.total, self.max_skipped = len(table), max_skipped
        table = table.iloc[stratified_order(strata, seed)[:MOST]].reset_index(drop=True)
        self.source = replace(source, table=table)
        every = np.ones(len(table), bool)
        self.task = task.from_labels(list(table["label"]), every, source.numbers)
        self.sizes = sizes(len(table), len(self.task.outputs))
        self._read = {}

    def dataset(self, spec, size):
        """The Dataset of the first `size` examples, all of them train; `spec`: InputSpec."""
        key = (repr(spec), size)
        if key not in self._read:
            self._read = {k: v for k, v in self._read.items() if k[1] == size}  # frees memory
            self._read[key] = self._dataset(spec, size)
        return self._read[key]

    def _dataset(self, spec, size):
        table = self.source.table.iloc[:size].reset_index(drop=True)
        known = readable_contents(spec)
        examples = read_examples(replace(self.source, table=table), spec, known)
        remember_readable(spec, examples.digests, known)
        check_skipped(examples, self.max_skipped)
        if not self._read:  # once, not for each base
            name_skipped(examples)
        return make_dataset(examples, self.task, Holdout(NOBODY, NOBODY, "train"))


def sizes(total, classes):
    """How many examples each round sees: doubled from round to round."""
    size, found = max(FIRST, FIRST_OF_A_CLASS * classes), []
    while size < total:
        found.append(size)
        size *= 2
    if found and found[-1] > 0.7 * total:
        found.pop()
    return [*found, total]


def stratified_order(strata, seed):
    """Places in an order of which each beginning has each stratum in about its share.

    Args:
        strata: names of the strata of each example; the rarest of its own decides.
    """
    counts = Counter(name for names in strata for name in names)
    if not counts:
        raise UserError("no examples to compare bases on", "no labels")
    generator, seen, keys = np.random.default_rng(seed), Counter(), np.zeros(len(strata))
    for place in generator.permutation(len(strata)):
        own = min(strata[place], key=lambda name: (counts[name], name)) if strata[place] else ""
        keys[place] = (seen[own] + generator.random()) / max(1, counts[own])
        seen[own] += 1
    return np.argsort(keys, kind="stable")
