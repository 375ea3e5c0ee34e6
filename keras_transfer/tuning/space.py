"""What is searched: which settings a trial may have, and in which range."""

from collections.abc import Callable
from typing import NamedTuple

from keras_transfer.bases.build import is_untrained
from keras_transfer.bases.table import BASES
from keras_transfer.errors import unknown_name
from keras_transfer.strategies.common import recipes


class Searched(NamedTuple):
    """One thing that is searched.

    Attributes:
        suggest: (trial, Chosen) -> the value of the setting.
        fits: Chosen -> whether it has a meaning beside what was suggested before.
    """

    suggest: Callable
    fits: Callable = lambda chosen: True


class Chosen(NamedTuple):
    """What is known when a setting is suggested.

    Attributes:
        config: the TrainConfig of the defaults; values: {setting: value} suggested so far.
        bases: Candidates to search among; task: the class of the task.
    """

    config: object
    values: dict
    bases: tuple
    task: type

    @property
    def strategy(self):
        return self.values.get("strategy", self.config.strategy)

    @property
    def base(self):
        return self.values.get("base", self.config.base)

    @property
    def exclusive(self):
        return self.task.has_exclusive_classes()

    @property
    def usual_part(self):
        return self.task.usual_part(BASES[self.base])


def tunes(chosen):
    """Whether the base trains."""
    return chosen.strategy == "fine_tuning"


def _one_of(name, *choices):
    return lambda trial, chosen: trial.suggest_categorical(name, choices)


def _strategy(trial, chosen):
    names = ["feature_extraction", "fine_tuning"]
    return trial.suggest_categorical("strategy", names + ["few_shot"] * chosen.exclusive)


def _base(trial, chosen):
    return trial.suggest_categorical("base", [one.name for one in chosen.bases])


def _trainable(trial, chosen):
    # a name of its own for each base: their stages are called otherwise
    return trial.suggest_categorical(f"trainable of {chosen.base}", parts_of(chosen))


def parts_of(chosen):
    """What may train of a base: from its middle on, as usual, the last stage, or all."""
    stages = [stage for stage, _ in BASES[chosen.base].stages]
    parts = [stages[len(stages) // 2], chosen.usual_part, stages[-1], "all"]
    return [part for part in [*stages, "all"] if part in parts]


def _augment(trial, chosen):
    if chosen.strategy == "few_shot":
        return trial.suggest_categorical("augment of few_shot", ["none", "crop"])
    return trial.suggest_categorical("augment", ["none", "light", "standard"])


SEARCH = {  # in this order: what comes later may depend on what came before
    "base": Searched(_base, lambda chosen: len(chosen.bases) > 1),
    "strategy": Searched(_strategy),
    "method": Searched(
        _one_of("method", "ridge", "prototypes", "cosine"), lambda c: c.strategy == "few_shot"
    ),
    "trainable": Searched(_trainable, lambda chosen: tunes(chosen) and chosen.base in BASES),
    "learning_rate": Searched(
        lambda trial, chosen: trial.suggest_float("learning_rate", 3e-5, 3e-3, log=True), tunes
    ),
    "augment": Searched(_augment),
    "batch_size": Searched(_one_of("batch_size", 8, 16, 32), tunes),
    "dropout": Searched(_one_of("dropout", 0.0, 0.2, 0.5), tunes),
    "mixup": Searched(_one_of("mixup", 0.0, 0.2), tunes),
    "label_smoothing": Searched(
        _one_of("label_smoothing", 0.0, 0.1), lambda chosen: tunes(chosen) and chosen.exclusive
    ),
    "weight_decay": Searched(_one_of("weight_decay", 0.0, 1e-3, 1e-2), tunes),
    "l2_sp": Searched(_one_of("l2_sp", 0.0, 1e-3, 1e-2), tunes),
    "weight_average": Searched(_one_of("weight_average", 0.0, 0.9, 0.99), tunes),
    "class_weight": Searched(_one_of("class_weight", "none", "balanced"), lambda c: c.exclusive),
    "pooling": Searched(_one_of("pooling", "avg", "max")),
}
DEFAULT = ("strategy", "trainable", "learning_rate", "augment", "dropout", "mixup")


def check_search(names):
    """The names to search, in the order of SEARCH; an unknown one is a UserError."""
    for name in names:
        if name not in SEARCH:
            raise unknown_name("setting to search", name, SEARCH)
    return tuple(name for name in SEARCH if name in (names or DEFAULT))


def suggest(trial, names, start):
    """{setting: value} of a trial.

    Args:
        trial: of Optuna; names: from `check_search`; start: Chosen without values.
    """
    chosen = start._replace(values={})
    for name in names:
        if SEARCH[name].fits(chosen):
            chosen.values[name] = SEARCH[name].suggest(trial, chosen)
    return with_weights(chosen.values, start.bases)


def with_weights(values, bases):
    """`values` with the weights of the base among them, where they come from a file."""
    weights = {one.name: one.weights for one in bases}
    base = values.get("base")
    return {**values, "weights": weights[base]} if base else values


def first_trials(names, start):
    """(parameters, whether all other settings are the defaults) of the trials that come first.

    The defaults, then each other strategy's own, then what differs from the usual tuning in the
    thing that mattered most on real sets: the part that trains, or the augmentation.
    """
    config = start.config
    found = [{"strategy": config.strategy}]
    if "strategy" in names:
        others = ["feature_extraction"] + ["few_shot"] * start.exclusive
        found += [{"strategy": one} for one in others if one != config.strategy]
        if config.strategy != "fine_tuning":
            found.append({"strategy": "fine_tuning"})
    if is_untrained(config.base, config.weights):
        return [(found[0], True)]
    return [(one, True) for one in found] + [(one, False) for one in _neighbours(names, start)]


def _neighbours(names, start):
    """Parameters near those of the usual tuning, as far as they are searched among."""
    base, strategy = start.config.base, start.config.strategy
    if base not in BASES or ("strategy" not in names and strategy != "fine_tuning"):
        return []
    part, recipe = f"trainable of {base}", recipes.tuning(start.task, recipes.SMALL_SET)
    usual = {
        "strategy": "fine_tuning",
        part: start.usual_part,
        "learning_rate": recipe.learning_rate,
        "augment": recipe.augment,
        "dropout": 0.0,
        "mixup": 0.0,
    }
    known = {name: value for name, value in usual.items() if name.split(" of ")[0] in names}
    other = BASES[base].stage if start.usual_part == "all" else "all"
    changes = [{part: other}, {"augment": "none"}, {"augment": "standard"}]
    return [{**known, **change} for change in changes if set(change) <= set(known)]
