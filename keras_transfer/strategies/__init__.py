"""How a base is adapted: one file a method."""

from keras_transfer.errors import UserError, unknown_name


def find_strategy(name):
    """The function `(model, examples, config) -> (model, history)` called `name`."""
    from keras_transfer.strategies.feature_extraction import feature_extraction
    from keras_transfer.strategies.fine_tuning import fine_tuning

    strategies = {"feature_extraction": feature_extraction, "fine_tuning": fine_tuning}
    if name not in strategies:
        raise unknown_name("strategy", name, strategies)
    return strategies[name]


def check_strategy(config):
    """Refuse settings that have no meaning together."""
    linear = config.strategy == "feature_extraction" and not config.hidden_units
    if linear and config.dropout:
        raise UserError(
            "--dropout has no meaning for a linear head that is solved exactly",
            config.dropout,
            "Add --hidden-units, or take --strategy fine_tuning",
        )
    if linear and config.mixup:
        raise UserError(
            "--mixup has no meaning for a linear head that is solved exactly",
            config.mixup,
            "Add --hidden-units, or take --strategy fine_tuning",
        )
    hidden = config.strategy == "feature_extraction" and config.hidden_units
    if hidden and config.augment in ("light", "standard"):
        raise UserError(
            "a head with hidden layers trains on features computed once, not on changed ones",
            f"--augment {config.augment}",
            "Leave --augment out, or take --strategy fine_tuning",
        )
    if config.strategy == "fine_tuning" and config.trainable == "none":
        raise UserError(
            "--strategy fine_tuning trains part of the base",
            "--trainable none",
            "Name a part, or take --strategy feature_extraction",
        )
    if config.strategy == "feature_extraction" and config.trainable not in ("auto", "none"):
        raise UserError(
            "--strategy feature_extraction keeps the whole base as it is",
            f"--trainable {config.trainable}",
            "Take --strategy fine_tuning",
        )
