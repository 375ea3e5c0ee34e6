"""How a base is adapted: one file a method.

`strategies/NAME.py` has `fit(model, dataset, features, config) -> Fitted` and
`stages(facts, config) -> [Stage]`. It may have

- `check(config)`, which refuses settings without a meaning;
- a frozen dataclass `Settings`, whose fields join the flags where it is named;
- `settle(config, table, task) -> config`, where labels decide which strategy it becomes;
- `prepare(dataset, config) -> Dataset`, where it predicts more classes than the data has;
- `first_training(model, dataset, features, config) -> rate_test.Training`, for
  `--find-learning-rate`.
"""

from dataclasses import replace
from typing import Any, NamedTuple

from keras_transfer.config import find_in
from keras_transfer.tasks import find_task


class Unseen(NamedTuple):
    """Predictions for labelled examples by models that did not train on them.

    The temperature and every threshold come from these. The model that is kept may have trained
    on these examples since.

    Attributes:
        indices: of the examples (n,).
        predictions: arrays (n, ...), before any temperature.
        distances: (n,) of their features from those of the examples that trained; see
            `evaluate.neighbours`; None of a model without pooled features.
        out_of_fold: whether they are from cross-validation; else from the holdout.
    """

    indices: Any
    predictions: Any
    distances: Any
    out_of_fold: bool


class Fitted(NamedTuple):
    """What a strategy gives.

    Attributes:
        model: the trained `keras.Model`.
        history: one dict an epoch, or a penalty that was tried.
        selected_on: the split that selected something: "train" (a part of it, or folds) or "val".
        holdout_score: the task's metric on the holdout; None where nothing was measured there.
        unseen: Unseen; None where there was nothing to predict for.
        kept: `model.training_features.TrainingFeatures` of an earlier run that it learned from too.
    """

    model: Any
    history: list[dict]
    selected_on: str
    holdout_score: float | None = None
    unseen: Unseen | None = None
    kept: Any = None


class Facts(NamedTuple):
    """What a strategy needs to know of the data to say what it will do.

    Attributes:
        total, train: examples in all, and to train on.
        fit: those of train that are trained on while something is selected.
        selected_on: the split that the holdout lies in.
        task: one of `tasks`, or its class.
    """

    total: int
    train: int
    fit: int
    selected_on: str
    task: Any


class Stage(NamedTuple):
    """One training above a cut. `--plan` measures stages, and `fit` trains by them.

    Attributes:
        name: what the progress bar says.
        part: of the base, that trains (see `model.trainable`).
        batch_norm: whether its batch norms train too.
        views: of each training example, in turn; None is the plain one.
        examples: how many each epoch goes through.
        epochs: passes over them; 0 for a head that is solved.
        recipe: the rest of how it is trained; None for a head that is solved.
    """

    name: str
    part: str
    batch_norm: bool
    views: list
    examples: int
    epochs: int = 0
    recipe: Any = None


def facts_of(dataset):
    """The Facts of a `data.dataset.Dataset`."""
    holdout, train = dataset.holdout, len(dataset.indices("train"))
    return Facts(len(dataset.examples), train, len(holdout.fit), holdout.split, dataset.task)


def find_strategy(name):
    """The module of the strategy called `name`; an unknown name is a UserError."""
    return find_in("strategies", "strategy", name)


def settle_config(config, source):
    """The TrainConfig for the labels of a `data.sources.specs.Source`: auto becomes a strategy, and
    what the source and the task prefer of the inputs is taken where the user says nothing."""
    settle, task = getattr(find_strategy(config.strategy), "settle", None), find_task(source.task)
    config = settle(config, source.table, task) if settle else config
    preferred = {**task.preferred_inputs, **source.preferred_inputs}
    unsaid = {k: v for k, v in preferred.items() if getattr(config, k, v) is None}
    return replace(config, **unsaid) if unsaid else config


def prepare_dataset(dataset, config):
    """The Dataset as the strategy wants it: one that goes on from a run may know more classes."""
    prepare = getattr(find_strategy(config.strategy), "prepare", None)
    return prepare(dataset, config) if prepare else dataset


def check_strategy(config):
    """Refuse settings that have no meaning together."""
    check = getattr(find_strategy(config.strategy), "check", None)
    if check:
        check(config)
