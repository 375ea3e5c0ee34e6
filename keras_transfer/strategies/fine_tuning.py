"""Train part of the base at a low rate, starting from the head that is best on the frozen one.

Head first, then the base: Kumar et al. 2022, arXiv:2202.10054 (a random head distorts the features
before it has learned). Whichever is better on pictures that trained neither, the head alone or the
tuned network, is kept.
"""

import numpy as np

from keras_transfer import progress
from keras_transfer.bases.table import find_base
from keras_transfer.model.cut import cut
from keras_transfer.model.trainable import set_trainable
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


def fine_tuning(model, examples, config):
    """Train the head of `model`, then the part of its base that `config.trainable` names.

    Args:
        model: from `model.build_model`.
        examples: `Examples`; config: `TrainConfig`.

    Returns:
        (model, history): one dict an epoch; `kept` says what was kept.
    """
    rows, choosing, _ = examples.choosing_rows(config.seed)
    fresh = config.weights == "none"
    head_loss = np.inf if fresh else _head_first(model, examples, config, rows, choosing)
    before = model.get_weights()
    history, tuned = _tune(model, examples, config, rows, choosing, fresh)
    tuned_loss = tuned["choosing_loss"]
    if tuned_loss < head_loss:
        set_temperature(model, tuned["choosing_temperature"])
        progress.say(_verdict("the tuned network", tuned_loss, "the head alone", head_loss))
        return model, [{**row, "kept": "tuned"} for row in history]
    progress.say(_verdict("the head alone", head_loss, "the tuned network", tuned_loss))
    model.set_weights(before)
    _head_alone(model, examples, config)
    return model, [{**row, "kept": "head"} for row in history]


def _verdict(kept, loss, other, other_loss):
    text = f"kept {kept}: its loss on the pictures for choosing is {loss:.4f}"
    return text if np.isinf(other_loss) else f"{text}, that of {other} {other_loss:.4f}"


def _head_first(model, examples, config, rows, choosing):
    """Fit the head on `rows`; its loss on `choosing`."""
    set_trainable(model, "none")
    if config.hidden_units:
        history, best = fit_hidden_head(model, examples, config, rows, choosing)
        return history[best - 1]["choosing_loss"]
    solve_head(model, examples, config, rows)
    prefix, suffix = cut(model)
    inputs = stored_inputs(prefix, examples, choosing)
    return judge_inputs(suffix, inputs, examples)(choosing).loss


def _head_alone(model, examples, config):
    """The head on all of train, for when tuning did not help."""
    set_trainable(model, "none")
    if config.hidden_units:
        train_hidden_head(model, examples, config)
    else:
        solve_head(model, examples, config, examples.rows("train"))


def _tune(model, examples, config, rows, choosing, fresh):
    """Train the part that is to be trained; (history, its best row)."""
    recipe = (recipes.from_scratch if fresh else recipes.fine_tuning)(len(rows), config.batch_size)
    part = config.trainable
    if part == "auto":
        part = "all" if fresh else find_base(config.base).stage
    batch_norm = config.batch_norm == "trained" or (config.batch_norm == "auto" and fresh)
    set_trainable(model, part, batch_norm)
    augmentation = recipe.augment if config.augment == "auto" else config.augment
    network, inputs = _network_and_inputs(model, examples, augmentation)
    history, best = train_by_gradient(
        network, inputs, examples, rows, choosing, config, make_plan(config, recipe), "Fine-tuning"
    )
    return history, history[best - 1]


def _network_and_inputs(model, examples, augmentation):
    """What is trained and on what: pictures that change run through all of it, others do not."""
    pictures = examples.pictures
    if augmentation != "none":
        shape = (pictures.size, pictures.size, 3)
        return model, Inputs(pictures.batch, shape, augmentation)
    prefix, suffix = cut(model)
    return suffix, stored_inputs(prefix, examples, np.arange(len(pictures)))
