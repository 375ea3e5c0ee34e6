"""What a strategy learns from: examples, their encoded labels, and who is in which split."""

import time
from dataclasses import dataclass, field

import numpy as np

from keras_transfer.data.examples import Examples
from keras_transfer.data.splits import draw_part
from keras_transfer.features.store import FeatureStore
from keras_transfer.model.cut import cut
from keras_transfer.runtimes.engines import run_batches, run_over

HOLDOUT_SHARE = 0.1  # of train, put aside to choose epochs and to judge
SMALL = 1000  # training examples; of fewer a fifth is put aside: a tenth is too few to judge by


def holdout_share(examples):
    """How much of so many training examples is put aside to choose by."""
    return HOLDOUT_SHARE if examples >= SMALL else 2 * HOLDOUT_SHARE


@dataclass(frozen=True)
class Dataset:
    """Examples with targets.

    Attributes:
        examples: the readable ones; all row numbers refer to them.
        task: one of `tasks`.
        targets: what `task.encode` made of the labels, one row an example.
        store: where features come from.
        begun: when they were ready to train on (`time.monotonic()`); a budget of time counts on.
    """

    examples: Examples
    task: object
    targets: np.ndarray
    store: FeatureStore = field(default_factory=FeatureStore)
    begun: float = field(default_factory=time.monotonic)

    @property
    def splits(self):
        return self.examples.table["split"].to_numpy()

    def rows(self, split):
        """Row numbers of the examples of `split`."""
        return np.flatnonzero(self.splits == split)

    def groups(self, rows):
        """Group of each example; one of its own where it has none."""
        groups = self.examples.table["group"].to_numpy()[rows]
        return np.array([group or f"row {row}" for group, row in zip(groups, rows, strict=True)])

    def weights(self, rows, class_weight):
        """Weight float32 (n,) of each example in training."""
        if class_weight == "balanced":
            return self.task.example_weights(self.targets[rows])
        return np.ones(len(rows), np.float32)

    def split_holdout(self, seed):
        """(rows to fit, rows to choose by, whether the latter are the split val).

        Only where the data brings train, val and test does val choose; else a seeded tenth of
        train (a fifth of a small one) is put aside, so that no score is measured on what chose
        something.
        """
        train = self.rows("train")
        if len(self.rows("val")) and len(self.rows("test")):
            return train, self.rows("val"), True
        table = self.examples.table.iloc[train]
        aside = draw_part(
            table["label"].to_numpy(),
            table["group"].to_numpy(),
            holdout_share(len(train)),
            seed,
            self.task.name,
        )
        return train[~aside], train[aside], False

    def selected_on(self, config):
        """Splits besides train that choose epochs: only gradient training asks val, not always."""
        gradient = config.strategy != "feature_extraction" or config.hidden_units
        return {"val"} if gradient and self.split_holdout(config.seed)[2] else set()

    def predict_arrays(self, model, rows):
        """What `model` says to the examples `rows`, float32 (len(rows), outputs).

        A head on pooled features answers from the store; a tuned network runs over the examples,
        since what it was cut at is large and would not be asked for again.
        """
        prefix, suffix = cut(model)
        if len(prefix.output.shape) > 2:
            return run_over(model, self.examples, rows, "Evaluating")
        features = self.store.features(prefix, self.examples, rows)
        # a head is small: compiling it takes longer than it runs
        return run_batches(
            lambda part: np.asarray(suffix(part, training=False), np.float32), features
        )
