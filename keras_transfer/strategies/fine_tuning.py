"""Train part of the base at a low rate, starting from the head that is best on the frozen one.

Head first, then the base: Kumar et al. 2022, arXiv:2202.10054 (a random head distorts the features
before it has learned). The result is interpolated between the network with the head alone and the
tuned one (WiSE-FT: Wortsman et al. 2022, arXiv:2109.01903): halfway, unless the holdout says
clearly that another share of the tuning is better.
"""

import math
from dataclasses import dataclass, replace

from keras_transfer import progress
from keras_transfer.backend import load_keras
from keras_transfer.bases.build import describe_base, is_untrained
from keras_transfer.errors import UserError
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies import Fitted, Stage, facts_of
from keras_transfer.strategies.common import recipes
from keras_transfer.strategies.common.gradient import (
    predict_inputs,
    schedule,
    train_by_gradient,
    watched,
)
from keras_transfer.strategies.common.inputs import check_views, inputs_of, views_of
from keras_transfer.strategies.common.judging import clearly_better, judge_indices
from keras_transfer.strategies.common.rate_test import Training, enough_views, narrowed
from keras_transfer.strategies.common.regularization import RegularizationSettings, regularized
from keras_transfer.strategies.common.unseen import on_holdout
from keras_transfer.strategies.feature_extraction import (
    NOBODY,
    fit_head_on_all,
    fit_head_on_part,
    head_stage,
)

SHARES = (0.0, 0.5, 1.0)  # of the way to the tuned weights
REFIT_MOST = 2000  # training examples; of more the holdout is hardly missed
FRESH_MOMENTUM = 0.9  # of batch norms; Keras's 0.99 lags for hundreds of steps, small sets have few


@dataclass(frozen=True, kw_only=True)
class Settings(RegularizationSettings):
    pass


def check(config):
    """Refuse a base that does not train at all."""
    if config.trainable == "none":
        raise UserError(
            "--strategy fine_tuning trains part of the base",
            "--trainable none",
            "Name a part, or take --strategy feature_extraction",
        )
    check_views(config)


def stages(facts, config):
    """The head, the tuning, and of a small set the tuning again on all of train."""
    if _untrained(config):
        recipe = recipes.from_scratch(facts.fit, config.batch_size)
        return [_tuning("Training from scratch", facts, config, recipe, facts.fit)]
    whole = _part(facts, config) == "all"
    recipe = recipes.tuning(facts.task, facts.fit, config.batch_size, whole)
    found = [
        head_stage(facts, config, facts.fit),
        _tuning("Fine-tuning", facts, config, recipe, facts.fit),
    ]
    cheap = facts.train <= REFIT_MOST and config.time_budget is None
    if cheap and facts.selected_on == "train":
        found.append(_tuning("Tuning on all of train", facts, config, recipe, facts.train))
        if config.epochs is None and config.patience is None and not whole:
            # it tells as much about the share to keep, and nearly as much about confidence
            found[1] = found[1]._replace(epochs=-(-recipe.epochs // 3))
    return found


def _untrained(config):
    return is_untrained(config.base, config.weights)


def _part(facts, config):
    """The part of the base that trains."""
    if config.trainable != "auto":
        return config.trainable
    return "all" if _untrained(config) else facts.task.usual_part(describe_base(config.base))


def _tuning(name, facts, config, recipe, examples):
    fresh, part = _untrained(config), _part(facts, config)
    batch_norm = config.batch_norm == "trained" or (config.batch_norm == "auto" and fresh)
    augmentation = recipe.augment if config.augment == "auto" else config.augment
    epochs = config.epochs or recipe.epochs
    views = views_of(augmentation, config, min(recipe.views, epochs), facts.task.turned)
    return Stage(name, part, batch_norm, views, examples, epochs, recipe)


def fit(model, dataset, features, config):
    """Train the head of `model`, then the part of its base that `config.trainable` names.

    In the history `kept` is the share of the tuned weights that was kept, 0 for the head alone.
    """
    planned = stages(facts_of(dataset), config)
    if _untrained(config):
        return _from_scratch(model, planned[0], dataset, features, config)
    tuning, again = planned[1], planned[2:]
    looks = sum(stage.epochs for stage in planned[1:])
    untouched = model.get_weights()
    with watched(None):  # epochs of the head are no share of the tuning's
        fit_head_on_part(model, dataset, features, config)
    network, fetch = _prepare(model, tuning, looks, dataset, features, config)
    start = network.get_weights()
    history, best = _train(model, network, fetch, tuning, dataset, config)
    share, judgement, predictions = _best_share(network, fetch, dataset, config, start)
    unseen = on_holdout(model, network, fetch, dataset, predictions)
    if share:
        if again:
            model.set_weights(untouched)
            fit_head_on_all(model, dataset, features, config)
            network, fetch = _prepare(model, again[0], looks, dataset, features, config)
            start = network.get_weights()
            whole = best == tuning.epochs
            _train(
                model, network, fetch, again[0], dataset, config, again[0].epochs if whole else best
            )
            _interpolate(network, start, network.get_weights(), share)
    elif config.time_budget is None or not config.hidden_units:
        model.set_weights(untouched)
        *_, unseen = fit_head_on_all(model, dataset, features, config)
    history = [{**row, "kept": share} for row in history]
    return Fitted(model, history, dataset.holdout.split, judgement.metric, unseen)


def _from_scratch(model, stage, dataset, features, config):
    """Train a network without pretrained weights; there is no head to fall back on."""
    network, fetch = _prepare(model, stage, stage.epochs, dataset, features, config)
    history, best = _train(model, network, fetch, stage, dataset, config)
    unseen = on_holdout(model, network, fetch, dataset)
    score = history[best - 1]["holdout_metric"]
    return Fitted(model, history, dataset.holdout.split, score, unseen)


def _prepare(model, stage, looks, dataset, features, config):
    """Set what trains; the network to train, and what to feed it with."""
    set_trainable(model, stage.part, stage.batch_norm)
    if _untrained(config) and stage.batch_norm:
        for layer in model.layers:
            if isinstance(layer, load_keras().layers.BatchNormalization):
                layer.momentum = FRESH_MOMENTUM
    return inputs_of(model, stage, looks, dataset, features, config)


def _train(model, network, fetch, stage, dataset, config, epochs=None):
    """(history, best epoch) of a stage; `epochs` fixes how long, on all of train."""
    fit, select = dataset.holdout.fit, dataset.holdout.select
    plan = schedule(stage, config, dataset.begun)
    if epochs:
        fit, select = dataset.indices("train"), NOBODY
        plan = plan._replace(epochs=epochs, patience=math.inf)
    with regularized(model, network, config):
        return train_by_gradient(network, fetch, dataset, fit, select, config, plan, stage.name)


def _best_share(network, fetch, dataset, config, start):
    """Leave in `network` the best interpolation between the weights `start` and its own.

    The task's usual share of the tuning (half: Wortsman et al. 2022) is kept unless another is
    clearly better: few examples tell small differences badly.

    Returns:
        (share, Judgement of it, its predictions for the holdout); share 0 is the head alone.
    """
    select, usual = dataset.holdout.select, dataset.task.kept_share
    tuned, predicted = network.get_weights(), predict_inputs(network, fetch, dataset.task)
    predictions, tried = {}, {}
    for share in SHARES:
        _interpolate(network, start, tuned, share)
        predictions[share] = predicted(select)
        tried[share] = judge_indices(dataset, select, predictions[share], config)
    better = [s for s in SHARES if s != usual and clearly_better(tried[s], tried[usual])]
    share = min(better, key=lambda s: tried[s].loss) if better else usual
    if not math.isfinite(tried[share].loss):
        share = 0.0
    _interpolate(network, start, tuned, share)
    losses = ", ".join(f"{share:.0%} {tried[share].loss:.4f}" for share in SHARES)
    progress.say(
        f"keeping {share:.0%} of the tuning; error on the {len(select)} examples of the "
        f"holdout, by share: {losses}"
    )
    return share, tried[share], predictions[share]


def _interpolate(network, start, tuned, share):
    # weights that are no numbers of the network (seeds of dropout) are alike in both, up to draws
    between = [
        (1 - share) * a + share * b if a.dtype.kind == "f" else b
        for a, b in zip(start, tuned, strict=True)
    ]
    network.set_weights(between)


def first_training(model, dataset, features, config):
    """The tuning, from the head that it would start from: `rate_test.Training`."""
    planned = stages(facts_of(dataset), config)
    tuning = [stage for stage in planned if stage.part != "none"]
    if len(planned) > len(tuning):
        fit_head_on_part(model, dataset, features, config)
    config = replace(config, batch_size=tuning[0].recipe.batch_size)
    few, looks = narrowed(dataset, config), sum(stage.epochs for stage in tuning)
    stage = enough_views(tuning[0], few, config)
    network, fetch = _prepare(model, stage, looks, few, features, config)
    return Training(network, fetch, few, stage)
