"""How good a task's predictions are."""

import numpy as np

from keras_transfer.inputs.common.arrays import as_tuple


class Scoring:
    """From predictions and targets to numbers."""

    def log_losses(self, targets, predictions):
        """The loss of each example (n,)."""
        raise NotImplementedError

    def brier_scores(self, targets, predictions):
        """A bounded error of each example (n,), by which training is judged."""
        return self.log_losses(targets, predictions)

    def metric(self, targets, predictions):
        """One number that says how good predictions are, for the history."""
        return float(self.example_scores(targets, predictions).mean())

    def tempered(self, predictions, temperature):
        """Predictions whose logits are divided by `temperature`; None where there are none."""
        return None

    def confidence(self, predictions):
        """How sure a model is of each prediction (n,), 0 to 1; None where it does not say."""
        return None

    def wrong(self, targets, predictions):
        """Whether each prediction is wrong, bool (n,); of tasks that have a `confidence`."""
        raise NotImplementedError

    def choose_thresholds(self, targets, predictions, config):
        """What this task decides by, chosen on examples that did not train: a dict for JSON.

        Args:
            config: TrainConfig with the task's own `Settings`.
        """
        return {}

    def score_thresholds(self, thresholds, targets, predictions, groups=None, seed=0):
        """Further scores of a split, of decisions by `thresholds` from `choose_thresholds`."""
        return {}

    def score(self, targets, predictions, groups=None, seed=0):
        """The scores of a split as `metrics.json` holds them, with intervals."""
        raise NotImplementedError

    def example_scores(self, targets, predictions):
        """How good the prediction for each example is (n,), at most 1; for paired tests."""
        raise NotImplementedError

    def agreement(self, expected, found):
        """How far two models predict the same for each example, 0 to 1 (n,)."""
        raise NotImplementedError

    def apart(self, expected, found):
        """How far the numbers of two models' predictions are from each other: a flat array."""
        pairs = zip(as_tuple(expected), as_tuple(found), strict=True)
        return np.concatenate(
            [np.abs(np.subtract(b, a, dtype=np.float64)).ravel() for a, b in pairs]
        )

    def difference(self, expected, found):
        """The largest difference of two models' predictions, in units of their spread."""
        raise NotImplementedError
