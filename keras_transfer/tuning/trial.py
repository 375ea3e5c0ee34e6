"""One trial: a training with some settings, judged on examples inside train."""

import time
from dataclasses import fields, replace

import numpy as np

from keras_transfer.backend import precision_and_seed
from keras_transfer.config import make_config
from keras_transfer.data.dataset import Holdout
from keras_transfer.data.splits import folds
from keras_transfer.data.training_part import read_training_part
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import take
from keras_transfer.model.factory import build_for
from keras_transfer.strategies import find_strategy
from keras_transfer.strategies.common.gradient import watched
from keras_transfer.strategies.common.judging import judge_indices

PARTS = 5  # of train: one judges all trials, the others confirm the best


class Judge:
    """Trains with settings and judges what comes out, always on the same examples.

    Those are a part of train, or another one where the best is confirmed. A strategy that
    cross-validates is judged by its folds' predictions for them.

    Args:
        source: a `data.training_part.training_source`; config: TrainConfig of the defaults.
        check: `train.check`, which refuses settings and gives the InputSpec.
        features: the `features.store.FeatureStore`.
    """

    def __init__(self, source, config, check, features):
        self.source, self.config, self.check, self.features = source, config, check, features
        self._datasets = {}
        settings = getattr(find_strategy(config.strategy), "Settings", None)
        self._own = {field.name for field in fields(settings)} if settings else set()

    def settings(self, values):
        """The TrainConfig of a trial."""
        known = {field.name: getattr(self.config, field.name) for field in fields(self.config)}
        if values.get("strategy", self.config.strategy) != self.config.strategy:
            known = {name: value for name, value in known.items() if name not in self._own}
        return make_config(**{**known, **values})

    def dataset(self, config):
        """The Dataset for a configuration, its clock set to now."""
        spec = self.check(config)
        if repr(spec) not in self._datasets:
            self._datasets[repr(spec)] = read_training_part(self.source, spec, config)
        return replace(self._datasets[repr(spec)], begun=time.monotonic())

    def parts(self):
        """Into how many parts train is divided: PARTS, or fewer where examples are few."""
        return 1 + len(self._others(self.dataset(self.config)))

    def _others(self, dataset):
        """Indices of the parts of train besides the holdout."""
        fit = dataset.holdout.fit
        try:
            drawn = folds(dataset.strata(fit), dataset.groups(fit), PARTS - 1, self.config.seed)
        except UserError:  # too few examples to divide
            return []
        return [fit[select] for _, select in drawn]

    def divided(self, config, part=0):
        """The Dataset for a configuration with a part of train as its holdout; 0 is its own."""
        dataset = self.dataset(config)
        if not part:
            return dataset
        select = self._others(dataset)[part - 1]
        fit = np.setdiff1d(dataset.indices("train"), select)
        return replace(dataset, holdout=Holdout(fit, select, "train"))

    def groups(self, part=0):
        """Groups of the examples of a part that trials are judged by."""
        dataset = self.divided(self.config, part)
        return dataset.groups(dataset.holdout.select)

    def run(self, values, minutes, report=None, part=0):
        """The Judgement of a training with these settings.

        Args:
            values: {setting: value}; minutes: that it may take; part: of train that judges it.
            report: function (share of the epochs, loss on the holdout), which may raise to stop.

        Raises:
            UserError: the settings have no meaning together, or training went wrong.
        """
        config = replace(self.settings(values), time_budget=max(minutes, 0.1))
        dataset = self.divided(config, part)
        with precision_and_seed(config.precision, config.seed), watched(report):
            model = build_for(dataset, config)
            fitted = find_strategy(config.strategy).fit(model, dataset, self.features, config)
        select = dataset.holdout.select
        predictions = _predictions_for(fitted.unseen, select)
        # weighed as the defaults are, whatever the trial weighs while it trains
        return judge_indices(dataset, select, predictions, self.config)


def _predictions_for(unseen, select):
    """Those of Unseen for the examples at `select`."""
    if unseen is None:
        raise UserError("nothing was predicted for examples that did not train", "too few examples")
    order = np.argsort(unseen.indices)
    places = order[np.searchsorted(unseen.indices, select, sorter=order)]
    if not np.array_equal(unseen.indices[places], select):
        raise UserError("the examples to judge by were trained on", f"{len(select)} of them")
    return take(unseen.predictions, places)
