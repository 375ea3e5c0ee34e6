"""Train part of the base at a low rate, starting from the head that is best on the frozen one.

Head first, then the base: Kumar et al. 2022, arXiv:2202.10054 (a random head distorts the features
before it has learned). What is kept lies somewhere on the straight line from the network with the
head alone to the tuned one (WiSE-FT: Wortsman et al. 2022, arXiv:2109.01903): in its middle, unless
examples that trained neither say clearly that another place is better.
"""

import math
from typing import NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.backend import load_keras
from keras_transfer.bases.table import find_base
from keras_transfer.features.plan import Plan, plan_storing
from keras_transfer.features.store import NoRoomError
from keras_transfer.model.cut import cut
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies import recipes
from keras_transfer.strategies.feature_extraction import (
    fit_hidden_head,
    seeded_views,
    solve_head,
    stored_inputs,
    train_hidden_head,
)
from keras_transfer.strategies.gradient import (
    Inputs,
    judge_inputs,
    make_plan,
    train_by_gradient,
)
from keras_transfer.strategies.judging import clearly_better, set_temperature

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the way to the tuned weights
HALF, ALL = 0.5, 1.0
REFIT_MOST = 2000  # training examples; of more the part put aside is hardly missed
FRESH_MOMENTUM = 0.9  # of batch norms; Keras's 0.99 lags for hundreds of steps, small sets have few


def fine_tuning(model, dataset, config):
    """Train the head of `model`, then the part of its base that `config.trainable` names.

    Args:
        model: from `model.build_model`.
        examples: `Dataset`; config: `TrainConfig`.

    Returns:
        (model, history): one dict an epoch; `kept` is the share of the tuned weights that was
        kept, 0 for the head alone.
    """
    rows, holdout, _ = dataset.split_holdout(config.seed)
    if config.weights == "none":
        return model, _from_scratch(model, dataset, config, rows, holdout)
    untouched = model.get_weights()
    _head_first(model, dataset, config, rows, holdout)
    recipe = recipes.fine_tuning(len(rows), config.batch_size)
    plan = make_plan(config, recipe, dataset.begun)
    network, inputs = _prepare(model, dataset, config, recipe)
    start = network.get_weights()
    history, best = train_by_gradient(
        network, inputs, dataset, rows, holdout, config, plan, "Fine-tuning"
    )
    share, judgement = _best_share(network, inputs, dataset, config, holdout, start)
    if share:
        if _can_refit(dataset, rows, config):
            model.set_weights(untouched)
            again = plan._replace(epochs=best, patience=math.inf)
            _tune_on_all(model, dataset, config, recipe, again, share)
        set_temperature(model, judgement.temperature)
    elif config.time_budget is None or not config.hidden_units:
        model.set_weights(untouched)
        _fit_head(model, dataset, config)
    return model, [{**row, "kept": share} for row in history]


def _from_scratch(model, dataset, config, rows, holdout):
    """Train a network without pretrained weights; its history. There is no head to fall back on."""
    recipe = recipes.from_scratch(len(rows), config.batch_size)
    network, inputs = _prepare(model, dataset, config, recipe)
    plan = make_plan(config, recipe, dataset.begun)
    history, best = train_by_gradient(
        network, inputs, dataset, rows, holdout, config, plan, "Training from scratch"
    )
    set_temperature(model, history[best - 1]["holdout_temperature"])
    return history


def _head_first(model, dataset, config, rows, holdout):
    """Fit the head on `rows`."""
    set_trainable(model, "none")
    if config.hidden_units:
        fit_hidden_head(model, dataset, config, rows, holdout)
    else:
        solve_head(model, dataset, config, rows)


def _fit_head(model, dataset, config):
    """Fit the head on all of train."""
    set_trainable(model, "none")
    if config.hidden_units:
        train_hidden_head(model, dataset, config)
    else:
        solve_head(model, dataset, config, dataset.rows("train"))


def _can_refit(dataset, rows, config):
    """Whether to tune again on all of train: of few examples each counts, and it is cheap."""
    train = len(dataset.rows("train"))
    return trainings(train, config, len(rows) == train) > 1


def trainings(examples, config, val_selects):
    """How many times a tuning on so many examples trains: to choose how far, and on all of them."""
    cheap = examples <= REFIT_MOST and config.time_budget is None and config.weights != "none"
    return 2 if cheap and not val_selects else 1


def _tune_on_all(model, dataset, config, recipe, plan, share):
    """Head and tuning anew on all of train, as long and as far as was found best."""
    _fit_head(model, dataset, config)
    network, inputs = _prepare(model, dataset, config, recipe)
    start, nobody = network.get_weights(), np.array([], dtype=np.int64)
    rows, label = dataset.rows("train"), "Tuning on all of it"
    train_by_gradient(network, inputs, dataset, rows, nobody, config, plan, label)
    _mix(network, start, network.get_weights(), share)


def _prepare(model, dataset, config, recipe):
    """Set what trains; the network to train, and its inputs.

    It is what lies above the cut, and its inputs are stored, also those of the changed versions
    of each example; or the whole network on pixels, where that costs less or needs less memory.
    """
    train = dataset.rows("train")
    times = trainings(len(train), config, dataset.split_holdout(config.seed)[2])
    tuning = plan_tuning(model, dataset.task, config, recipe, len(train), times, dataset.store.room)
    if tuning.plan.stored:
        rows = np.union1d(train, dataset.split_holdout(config.seed)[1])
        try:
            inputs = stored_inputs(tuning.prefix, dataset, rows, tuning.views, train)
            return tuning.suffix, inputs
        except NoRoomError as error:
            progress.warn(f"the base runs in each epoch: {error}")
    else:
        progress.say(f"the base runs in each epoch: {tuning.plan.why}")
    examples = dataset.examples

    def pixels(rows, epoch=None):
        return examples.batch(rows)

    return model, Inputs(pixels, (examples.size, examples.size, 3), tuning.augmentation)


class Tuning(NamedTuple):
    """What a tuning trains, and from what."""

    plan: Plan
    prefix: object  # below the cut, `keras.Model`
    suffix: object
    views: list  # versions of each example
    augmentation: str


def plan_tuning(model, task, config, recipe, examples, times, room):
    """Set what trains in `model`; the Tuning of it, so many `times`, on so many `examples`."""
    fresh = config.weights == "none"
    part = config.trainable
    if part == "auto":
        # numbers (a count, an age) hang on what ImageNet's classes are blind to, and that is lost
        # in the early layers: in trials inside train the last stages alone explained half as much
        whole = fresh or task.name == "regression"
        part = "all" if whole else find_base(config.base).stage
    batch_norm = config.batch_norm == "trained" or (config.batch_norm == "auto" and fresh)
    set_trainable(model, part, batch_norm)
    if fresh and batch_norm:
        for layer in model.layers:
            if isinstance(layer, load_keras().layers.BatchNormalization):
                layer.momentum = FRESH_MOMENTUM
    augmentation = recipe.augment if config.augment == "auto" else config.augment
    epochs = config.epochs or recipe.epochs
    views = seeded_views(augmentation, config, min(recipe.views, epochs))
    prefix, suffix = cut(model)
    looks, precision = epochs * times, config.feature_precision
    plan = plan_storing(prefix, examples, len(views), looks, room, precision)
    return Tuning(plan, prefix, suffix, views, augmentation)


def _best_share(network, inputs, dataset, config, holdout, start):
    """Leave in `network` the best mixture of the weights `start` and its own.

    Half of the tuning is kept unless another share is clearly better: it is the mixture that is
    seldom far from the best (Wortsman et al. 2022), and few examples tell small differences badly.
    Of a regression all is: where the frozen features say little there is little to hold on to, and
    half of the way was worse than all of it on each of three fifths of train put aside.

    Returns:
        (share, Judgement) of the mixture; share 0 is the head alone.
    """
    tuned, judged = network.get_weights(), judge_inputs(network, inputs, dataset, config)
    tried = {}
    for share in SHARES:
        _mix(network, start, tuned, share)
        tried[share] = judged(holdout)
    usual = ALL if dataset.task.name == "regression" else HALF
    better = [s for s in SHARES if s != usual and clearly_better(tried[s], tried[usual])]
    share = min(better, key=lambda s: tried[s].loss) if better else usual
    if not math.isfinite(tried[share].loss):
        share = 0.0
    _mix(network, start, tuned, share)
    losses = ", ".join(f"{share:.0%} {tried[share].loss:.4f}" for share in SHARES)
    progress.say(
        f"keeping {share:.0%} of the tuning; squared error on the {len(holdout)} examples for "
        f"holdout, by share: {losses}"
    )
    return share, tried[share]


def _mix(network, start, tuned, share):
    # weights that are no numbers of the network (seeds of dropout) are alike in both, up to draws
    mixed = [
        (1 - share) * a + share * b if a.dtype.kind == "f" else b
        for a, b in zip(start, tuned, strict=True)
    ]
    network.set_weights(mixed)
