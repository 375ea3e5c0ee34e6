"""What is taken where the user names nothing, and why: for people, as `--plan` prints it.

The rule itself is `recipes`, pure functions of facts about the data, as BiT's HyperRule is
(Kolesnikov et al. 2020, arXiv:1912.11370). On which sets each number was settled stands in
docs/how-it-works.md, "How the defaults were chosen".
"""

from typing import Any, NamedTuple

from keras_transfer.bases.build import is_untrained
from keras_transfer.strategies.common import recipes
from keras_transfer.strategies.common.closed_form import PENALTY


class Choice(NamedTuple):
    """A setting that was left open, what is taken for it, and a reason of a few words."""

    setting: str
    value: Any
    reason: str


def choices(facts, config, stages):
    """[Choice] for all that a training decides by rule.

    Args:
        facts: `strategies.Facts`; config: TrainConfig; stages: what the strategy's `stages` gives.
    """
    trained = [stage for stage in stages if stage.recipe is not None]
    found = [] if trained else [_solved(config)]
    for stage in trained[-1:]:  # the one whose weights are kept
        found += _of_training(stage, config, facts)
    return [choice for choice in found if choice is not None]


def _solved(config):
    if config.strategy == "few_shot":
        if config.method != "ridge":
            return None
        return Choice("penalty", PENALTY, "of ridge regression, the same for every base and set")
    return Choice("penalty", "selected", "by cross-validation inside train")


def _of_training(stage, config, facts):
    recipe, steps = stage.recipe, -(-stage.examples // stage.recipe.batch_size) * stage.epochs
    yield _part(stage, config, facts)
    if config.batch_size is None:
        small = recipe.batch_size == recipes.SMALL_BATCH
        reason = f"fewer than {recipes.SMALL_SET} training examples" if small else "as usual"
        yield Choice("batch_size", recipe.batch_size, reason)
    if config.epochs is None:
        reason = f"{steps} steps: a small set needs more passes, a large one fewer"
        yield Choice("epochs", stage.epochs, reason)
    if config.learning_rate is None:
        fresh = is_untrained(config.base, config.weights) and stage.part != "none"
        reason = "from random weights" if fresh else _RATES.get(stage.part == "none")
        yield Choice("learning_rate", recipe.learning_rate, f"at its highest; {reason}")
    if config.augment == "auto" and stage.part != "none":
        yield Choice("augment", recipe.augment, "settled inside train on real sets")
    if config.views is None and stage.part != "none":
        reason = "each epoch sees another" if len(stage.views) < recipe.views else "as many as pay"
        yield Choice("views", len(stage.views), reason)


_RATES = {True: "a head on features", False: "low enough for pretrained weights"}


def _part(stage, config, facts):
    if config.trainable != "auto" or stage.part == "none":
        return None
    if is_untrained(config.base, config.weights):
        reason = "there are no pretrained weights"
    elif facts.task.tunes_whole_base:
        reason = "this task needs features of early layers too"
    elif facts.task.stages_below:
        reason = "the last stage of the base and what such a head sees before it"
    else:
        reason = "the last stage of the base, with what follows it: most about ImageNet's classes"
    return Choice("trainable", stage.part, reason)
