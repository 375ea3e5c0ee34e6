"""Train part of the base at a low rate, starting from the head that is best on the frozen one.

Head first, then the base: Kumar et al. 2022, arXiv:2202.10054 (a random head distorts the features
before it has learned). What is kept lies somewhere on the straight line from the network with the
head alone to the tuned one (WiSE-FT: Wortsman et al. 2022, arXiv:2109.01903): in its middle, unless
pictures that trained neither say clearly that another place is better.
"""

import math
from typing import NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.bases.table import find_base
from keras_transfer.features.plan import Plan, plan_storing
from keras_transfer.features.store import NoRoomError
from keras_transfer.model.cut import cut
from keras_transfer.model.trainable import set_trainable
from keras_transfer.runtime import load_keras
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
REFIT_MOST = 2000  # training pictures; of more the part put aside is hardly missed
FRESH_MOMENTUM = 0.9  # of batch norms; Keras's 0.99 lags for hundreds of steps, small sets have few


def fine_tuning(model, examples, config):
    """Train the head of `model`, then the part of its base that `config.trainable` names.

    Args:
        model: from `model.build_model`.
        examples: `Examples`; config: `TrainConfig`.

    Returns:
        (model, history): one dict an epoch; `kept` is the share of the tuned weights that was
        kept, 0 for the head alone.
    """
    rows, choosing, _ = examples.choosing_rows(config.seed)
    if config.weights == "none":
        return model, _from_scratch(model, examples, config, rows, choosing)
    untouched = model.get_weights()
    _head_first(model, examples, config, rows, choosing)
    recipe = recipes.fine_tuning(len(rows), config.batch_size)
    plan = make_plan(config, recipe, examples.begun)
    network, inputs = _prepare(model, examples, config, recipe)
    start = network.get_weights()
    history, best = train_by_gradient(
        network, inputs, examples, rows, choosing, config, plan, "Fine-tuning"
    )
    share, judgement = _best_share(network, inputs, examples, config, choosing, start)
    if share:
        if _can_refit(examples, rows, config):
            model.set_weights(untouched)
            again = plan._replace(epochs=best, patience=math.inf)
            _tune_on_all(model, examples, config, recipe, again, share)
        set_temperature(model, judgement.temperature)
    elif config.time_budget is None or not config.hidden_units:
        model.set_weights(untouched)
        _fit_head(model, examples, config)
    return model, [{**row, "kept": share} for row in history]


def _from_scratch(model, examples, config, rows, choosing):
    """Train a network without pretrained weights; its history. There is no head to fall back on."""
    recipe = recipes.from_scratch(len(rows), config.batch_size)
    network, inputs = _prepare(model, examples, config, recipe)
    plan = make_plan(config, recipe, examples.begun)
    history, best = train_by_gradient(
        network, inputs, examples, rows, choosing, config, plan, "Training from scratch"
    )
    set_temperature(model, history[best - 1]["choosing_temperature"])
    return history


def _head_first(model, examples, config, rows, choosing):
    """Fit the head on `rows`."""
    set_trainable(model, "none")
    if config.hidden_units:
        fit_hidden_head(model, examples, config, rows, choosing)
    else:
        solve_head(model, examples, config, rows)


def _fit_head(model, examples, config):
    """Fit the head on all of train."""
    set_trainable(model, "none")
    if config.hidden_units:
        train_hidden_head(model, examples, config)
    else:
        solve_head(model, examples, config, examples.rows("train"))


def _can_refit(examples, rows, config):
    """Whether to tune again on all of train: of few pictures each counts, and it is cheap."""
    train = len(examples.rows("train"))
    return trainings(train, config, len(rows) == train) > 1


def trainings(pictures, config, val_chooses):
    """How many times a tuning on so many pictures trains: to choose how far, and on all of them."""
    cheap = pictures <= REFIT_MOST and config.time_budget is None and config.weights != "none"
    return 2 if cheap and not val_chooses else 1


def _tune_on_all(model, examples, config, recipe, plan, share):
    """Head and tuning anew on all of train, as long and as far as was found best."""
    _fit_head(model, examples, config)
    network, inputs = _prepare(model, examples, config, recipe)
    start, nobody = network.get_weights(), np.array([], dtype=np.int64)
    rows, label = examples.rows("train"), "Tuning on all of it"
    train_by_gradient(network, inputs, examples, rows, nobody, config, plan, label)
    _mix(network, start, network.get_weights(), share)


def _prepare(model, examples, config, recipe):
    """Set what trains; the network to train, and its inputs.

    It is what lies above the cut, and its inputs are stored, also those of the changed versions
    of each picture; or the whole network on pixels, where that costs less or needs less memory.
    """
    train = examples.rows("train")
    times = trainings(len(train), config, examples.choosing_rows(config.seed)[2])
    tuning = plan_tuning(
        model, examples.task, config, recipe, len(train), times, examples.store.room
    )
    if tuning.plan.stored:
        rows = np.union1d(train, examples.choosing_rows(config.seed)[1])
        try:
            inputs = stored_inputs(tuning.prefix, examples, rows, tuning.views, train)
            return tuning.suffix, inputs
        except NoRoomError as error:
            progress.warn(f"the base runs in each epoch: {error}")
    else:
        progress.say(f"the base runs in each epoch: {tuning.plan.why}")
    pictures = examples.pictures

    def pixels(rows, epoch=None):
        return pictures.batch(rows)

    return model, Inputs(pixels, (pictures.size, pictures.size, 3), tuning.augmentation)


class Tuning(NamedTuple):
    """What a tuning trains, and from what."""

    plan: Plan
    prefix: object  # below the cut, `keras.Model`
    suffix: object
    views: list  # versions of each picture
    augmentation: str


def plan_tuning(model, task, config, recipe, pictures, times, room):
    """Set what trains in `model`; the Tuning of it, so many `times`, on so many `pictures`."""
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
    plan = plan_storing(prefix, pictures, len(views), looks, room, precision)
    return Tuning(plan, prefix, suffix, views, augmentation)


def _best_share(network, inputs, examples, config, choosing, start):
    """Leave in `network` the best mixture of the weights `start` and its own.

    Half of the tuning is kept unless another share is clearly better: it is the mixture that is
    seldom far from the best (Wortsman et al. 2022), and few pictures tell small differences badly.
    Of a regression all is: where the frozen features say little there is little to hold on to, and
    half of the way was worse than all of it on each of three fifths of train put aside.

    Returns:
        (share, Judgement) of the mixture; share 0 is the head alone.
    """
    tuned, judged = network.get_weights(), judge_inputs(network, inputs, examples, config)
    tried = {}
    for share in SHARES:
        _mix(network, start, tuned, share)
        tried[share] = judged(choosing)
    usual = ALL if examples.task.name == "regression" else HALF
    better = [s for s in SHARES if s != usual and clearly_better(tried[s], tried[usual])]
    share = min(better, key=lambda s: tried[s].loss) if better else usual
    if not math.isfinite(tried[share].loss):
        share = 0.0
    _mix(network, start, tuned, share)
    losses = ", ".join(f"{share:.0%} {tried[share].loss:.4f}" for share in SHARES)
    progress.say(
        f"keeping {share:.0%} of the tuning; squared error on the {len(choosing)} pictures for "
        f"choosing, by share: {losses}"
    )
    return share, tried[share]


def _mix(network, start, tuned, share):
    # weights that are no numbers of the network (seeds of dropout) are alike in both, up to draws
    mixed = [
        (1 - share) * a + share * b if a.dtype.kind == "f" else b
        for a, b in zip(start, tuned, strict=True)
    ]
    network.set_weights(mixed)
