"""A head on the frozen base (Razavian et al. 2014, arXiv:1403.6382).

The base runs once over each example; a linear head is solved exactly, one with hidden layers (or
of a task that has no solver) is trained on the stored features.
"""

import math
from dataclasses import replace

import numpy as np

from keras_transfer import progress
from keras_transfer.bases.build import is_untrained
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import concatenate, take
from keras_transfer.model.cut import cut
from keras_transfer.model.pooled import has_pooled_features
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies import Fitted, Stage, facts_of
from keras_transfer.strategies.common import recipes
from keras_transfer.strategies.common.closed_form import few_shot_is_better
from keras_transfer.strategies.common.exact_head import LinearProblem, fit_head
from keras_transfer.strategies.common.gradient import schedule, train_by_gradient
from keras_transfer.strategies.common.inputs import StoredInputs, stored_or_run, views_of
from keras_transfer.strategies.common.rate_test import Training, narrowed
from keras_transfer.strategies.common.tensorboard import scalars
from keras_transfer.strategies.common.unseen import on_holdout, out_of_fold

NOBODY = np.array([], dtype=np.int64)


def check(config):
    """Refuse settings without a meaning for a frozen base."""
    for knob in ("dropout", "mixup"):
        if getattr(config, knob) and not config.hidden_units:
            raise UserError(
                f"--{knob} has no meaning for a linear head that is solved exactly",
                getattr(config, knob),
                "Add --hidden-units, or take --strategy fine_tuning",
            )
    if config.hidden_units and config.augment not in ("auto", "none"):
        raise UserError(
            "a head with hidden layers trains on features computed once, not on augmented views",
            f"--augment {config.augment}",
            "Leave --augment out, or take --strategy fine_tuning",
        )
    check_frozen(config)


def check_frozen(config):
    """Refuse a part to train, for a strategy that trains none."""
    if config.trainable not in ("auto", "none"):
        raise UserError(
            f"--strategy {config.strategy} keeps the whole base as it is",
            f"--trainable {config.trainable}",
            "Take --strategy fine_tuning",
        )


def stages(facts, config):
    """One: a head that is solved, or trained twice."""
    return [head_stage(facts, config, facts.train)]


def head_stage(facts, config, examples):
    """The Stage of a head on so many examples of a frozen base."""
    if _is_solved(facts.task, config):
        augmented = config.strategy == "feature_extraction" and config.augment != "auto"
        views = views_of(config.augment if augmented else "none", config, recipes.LINEAR_VIEWS)
        return Stage("Solving the head", "none", False, views, examples)
    recipe = recipes.head(facts.task, facts.fit, config.batch_size)
    epochs = config.epochs or recipe.epochs
    augmentation = recipe.augment if config.augment == "auto" else config.augment
    views = views_of(augmentation, config, min(recipe.views, epochs), facts.task.turned)
    return Stage("Training the head", "none", False, views, examples, epochs, recipe)


def _is_solved(task, config):
    return task.solver is not None and not config.hidden_units


def fit(model, dataset, features, config):
    """Train the head of `model`, which `model.build_model` made; its base stays as it is."""
    if config.weights == "auto" and is_untrained(config.base, config.weights):
        progress.warn(
            f"{config.base} has no pretrained weights: its features are random. Train it with "
            "--strategy protonet, maml or fine_tuning, or name --weights"
        )
    history, score, unseen = fit_head_on_all(model, dataset, features, config)
    solved = _is_solved(dataset.task, config)
    selected_on = "train" if solved else dataset.holdout.split
    return Fitted(model, history, selected_on, score, unseen)


def fit_head_on_all(model, dataset, features, config):
    """Fit the head to all of train: (history, its metric on the holdout or None, Unseen).

    How many epochs are enough for one that is trained is selected on the holdout; then it starts
    anew and trains so long on all of train, unless time is limited.
    """
    set_trainable(model, "none")
    if _is_solved(dataset.task, config):
        history, unseen = solve_head(model, dataset, features, config, dataset.indices("train"))
        return history, None, unseen
    start = model.get_weights()
    history, best, unseen = train_head(model, dataset, features, config)
    if dataset.holdout.split == "train" and config.time_budget is None:
        model.set_weights(start)
        whole = head_stage(facts_of(dataset), config, len(dataset.indices("train"))).epochs
        enough = whole if best == _judged_epochs(dataset, config, whole) else best
        train_head(model, dataset, features, config, enough)
    return history, history[best - 1]["holdout_metric"], unseen


def _judged_epochs(dataset, config, whole):
    """How many of the epochs a head is trained for while the holdout judges.

    Targets inside an example make a long schedule that ends in its best weights; a third of it
    tells as much about the scores from which on something is shown.
    """
    short = dataset.task.needs_geometry and dataset.holdout.split == "train"
    known = config.epochs or config.patience or config.time_budget
    return -(-whole // 3) if short and not known else whole


def fit_head_on_part(model, dataset, features, config):
    """Fit the head to what is trained on while the holdout selects."""
    set_trainable(model, "none")
    if _is_solved(dataset.task, config):
        solve_head(model, dataset, features, config, dataset.holdout.fit)
    else:
        train_head(model, dataset, features, config)


def solve_head(model, dataset, features, config, indices):
    """Put the exact linear head for these examples into `model`: (its history, Unseen)."""
    stage = head_stage(facts_of(dataset), config, len(indices))
    views = stage.views
    examples, prefix = dataset.examples, cut(model)[0]
    total = len(examples) + (len(views) - 1) * len(indices)  # the others are scored
    parts = [features.features(prefix, examples, indices, view, total) for view in views]
    seen = np.tile(indices, len(views))
    problem = LinearProblem(
        parts[0] if len(parts) == 1 else concatenate(parts),
        take(dataset.targets, seen),
        dataset.weights(seen, config.class_weight),
        dataset.strata(seen),
        dataset.groups(seen),  # the views of one example stay on one side
        dataset.task,
        config.seed,
    )
    head = fit_head(problem, in_place=True)
    if config.strategy == "feature_extraction" and few_shot_is_better(problem, head):
        progress.say(
            "note: with so few examples a class --strategy few_shot is better in "
            "cross-validation inside train"
        )
    model.get_layer("head").set_weights([head.kernel, head.bias])
    with scalars(config.tensorboard, stage.name) as write:
        for step, row in enumerate(head.history):
            write(row, step)

    def pooled(indices):  # asked for again: the solver may have overwritten the others
        return features.features(prefix, examples, indices)

    pooled = pooled if has_pooled_features(model) else None
    return head.history, out_of_fold(head, pooled, indices, dataset)


def train_head(model, dataset, features, config, epochs=None):
    """Train the head on stored features: (history, best epoch, Unseen).

    `epochs` fixes how long, on all of train, and nothing is unseen; else the holdout selects.
    """
    fit, select = dataset.holdout.fit, dataset.holdout.select
    if epochs:
        fit, select = dataset.indices("train"), NOBODY
    stage = head_stage(facts_of(dataset), config, len(fit))
    network, fetch = stored_or_run(model, dataset, features, select, stage.views)
    plan = schedule(stage, config, dataset.begun)
    plan = plan._replace(epochs=_judged_epochs(dataset, config, plan.epochs))
    if epochs:
        plan = plan._replace(epochs=epochs, patience=math.inf)
    training = (dataset, fit, select, config, plan, stage.name)
    history, best = train_by_gradient(network, fetch, *training)
    if epochs:
        return history, best, None
    return history, best, on_holdout(model, network, fetch, dataset)


def first_training(model, dataset, features, config):
    """The training of a head with hidden layers: `rate_test.Training`."""
    set_trainable(model, "none")
    prefix, suffix = cut(model)
    stage = head_stage(facts_of(dataset), config, len(dataset.holdout.fit))
    few = narrowed(dataset, replace(config, batch_size=stage.recipe.batch_size))
    fetch = StoredInputs(prefix, few, features, few.holdout.fit)
    return Training(suffix, fetch, few, stage)
