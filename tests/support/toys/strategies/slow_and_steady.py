"""A toy strategy: trains head and base together at one low rate."""

from dataclasses import dataclass

from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.errors import UserError
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies import Fitted, Stage, facts_of
from keras_transfer.strategies.common.gradient import schedule, train_by_gradient
from keras_transfer.strategies.common.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class Settings:
    slowness: float = 10.0
    """How many times slower than usual it learns."""

    LIMITS = {"slowness": (1.0, 1000.0)}  # noqa: RUF012


def check(config):
    if config.trainable != "auto":
        raise UserError("slow_and_steady trains everything", f"--trainable {config.trainable}")


def stages(facts, config):
    recipe = Recipe(config.epochs or 30, 0.1 / config.slowness, "none", None)
    return [Stage("Going slowly", "all", False, [None], facts.fit, recipe.epochs, recipe)]


def fit(model, dataset, features, config):
    (stage,) = stages(facts_of(dataset), config)
    set_trainable(model, stage.part)
    fetch, holdout = RawInputs(dataset.examples, stage.views), dataset.holdout
    plan = schedule(stage, config, dataset.begun)
    parts = holdout.fit, holdout.select
    history, best = train_by_gradient(model, fetch, dataset, *parts, config, plan, stage.name)
    return Fitted(model, history, holdout.split, history[best - 1]["holdout_metric"])
