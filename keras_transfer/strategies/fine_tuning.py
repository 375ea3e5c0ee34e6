"""Train part of the base at a low rate, starting from the head that is best on the frozen one.

Head first, then the base: Kumar et al. 2022, arXiv:2202.10054 (a random head distorts the features
before it has learned). What is kept lies somewhere on the straight line from the network with the
head alone to the tuned one (WiSE-FT: Wortsman et al. 2022, arXiv:2109.01903); where, is judged on
pictures that trained neither, so that tuning which does not help is not kept.
"""

import numpy as np

from keras_transfer import progress
from keras_transfer.bases.table import find_base
from keras_transfer.model.cut import cut
from keras_transfer.model.trainable import set_trainable
from keras_transfer.runtime import load_keras
from keras_transfer.strategies import recipes
from keras_transfer.strategies.feature_extraction import (
    fit_hidden_head,
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
from keras_transfer.strategies.judging import set_temperature

SHARES = (0.25, 0.5, 0.75, 1.0)  # of the way to the tuned weights
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
    before_head = model.get_weights()
    head = _head_first(model, examples, config, rows, choosing)
    recipe = recipes.fine_tuning(len(rows), config.batch_size)
    network, inputs = _prepare(model, examples, config, recipe, find_base(config.base).stage)
    start = network.get_weights()
    history, _ = _train(network, inputs, examples, config, recipe, rows, choosing)
    kept = _best_share(network, inputs, examples, choosing, start, head)
    if not kept:
        model.set_weights(before_head)
        _head_alone(model, examples, config)
    return model, [{**row, "kept": kept} for row in history]


def _from_scratch(model, examples, config, rows, choosing):
    """Train a network without pretrained weights; its history. There is no head to fall back on."""
    recipe = recipes.from_scratch(len(rows), config.batch_size)
    network, inputs = _prepare(model, examples, config, recipe, "all", fresh=True)
    history, best = _train(network, inputs, examples, config, recipe, rows, choosing)
    set_temperature(model, history[best - 1]["choosing_temperature"])
    return history


def _head_first(model, examples, config, rows, choosing):
    """Fit the head on `rows`; the Judgement of it on `choosing`."""
    set_trainable(model, "none")
    if config.hidden_units:
        fit_hidden_head(model, examples, config, rows, choosing)
    else:
        solve_head(model, examples, config, rows)
    prefix, suffix = cut(model)
    return judge_inputs(suffix, stored_inputs(prefix, examples, choosing), examples)(choosing)


def _head_alone(model, examples, config):
    """The head on all of train, for when tuning did not help."""
    set_trainable(model, "none")
    if config.hidden_units:
        train_hidden_head(model, examples, config)
    else:
        solve_head(model, examples, config, examples.rows("train"))


def _prepare(model, examples, config, recipe, default_part, fresh=False):
    """Set what trains; the network to train, and its inputs.

    Pictures that are augmented run through all of it, others through what lies above the cut.
    """
    part = default_part if config.trainable == "auto" else config.trainable
    batch_norm = config.batch_norm == "trained" or (config.batch_norm == "auto" and fresh)
    set_trainable(model, part, batch_norm)
    if fresh and batch_norm:
        for layer in model.layers:
            if isinstance(layer, load_keras().layers.BatchNormalization):
                layer.momentum = FRESH_MOMENTUM
    pictures = examples.pictures
    augmentation = recipe.augment if config.augment == "auto" else config.augment
    if augmentation != "none":
        shape = (pictures.size, pictures.size, 3)
        return model, Inputs(pictures.batch, shape, augmentation)
    prefix, suffix = cut(model)
    return suffix, stored_inputs(prefix, examples, np.arange(len(pictures)))


def _train(network, inputs, examples, config, recipe, rows, choosing):
    plan = make_plan(config, recipe)
    label = "Fine-tuning"
    return train_by_gradient(network, inputs, examples, rows, choosing, config, plan, label)


def _best_share(network, inputs, examples, choosing, start, head):
    """Leave in `network` the best mixture of the weights `start` and its own; its share.

    Args:
        head: Judgement of the head alone; where no mixture is better the share is 0 and the
            weights are `start`.
    """
    tuned, judged = network.get_weights(), judge_inputs(network, inputs, examples)
    tried = {}
    for share in SHARES:
        _mix(network, start, tuned, share)
        tried[share] = judged(choosing)
    share = min(tried, key=lambda share: tried[share].loss)
    kept = share if tried[share].loss < head.loss else 0.0
    _mix(network, start, tuned, kept)
    if kept:
        set_temperature(network, tried[kept].temperature)
    progress.say(
        f"kept {kept:.0%} of the tuning: on the {len(choosing)} pictures for choosing the loss is "
        f"{min(tried[share].loss, head.loss):.4f}; of the head alone {head.loss:.4f}, "
        f"fully tuned {tried[1.0].loss:.4f}"
    )
    return kept


def _mix(network, start, tuned, share):
    # weights that are no numbers of the network (seeds of dropout) are alike in both, up to draws
    mixed = [
        (1 - share) * a + share * b if a.dtype.kind == "f" else b
        for a, b in zip(start, tuned, strict=True)
    ]
    network.set_weights(mixed)
