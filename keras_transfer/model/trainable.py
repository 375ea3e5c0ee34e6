"""Which part of the base trains."""

from keras_transfer.backend import load_keras
from keras_transfer.bases.table import stages_of
from keras_transfer.errors import UserError
from keras_transfer.model.factory import base_layers, hold_dropout


def set_trainable(model, part, batch_norm=False):
    """Make `part` of the base trainable and the rest of it not; the head always trains.

    Args:
        model: from `build_model`.
        part: "none", "all", the name of a stage (it and all after it), or "last:N" layers.
        batch_norm: whether the batch norms of that part train too.

    Dropout that the base itself has is off in the part that does not train.

    Raises:
        UserError: no such stage; the stages of this base are named.
    """
    layers = base_layers(model)
    first = first_trainable(model.name, [layer.name for layer in layers], part)
    norms = load_keras().layers.BatchNormalization
    for position, layer in enumerate(layers):
        # base(x, training=False) would not hold batch norms still: fit() overrides it
        # (keras issue 20285). Their own flag does.
        held = isinstance(layer, norms) and not batch_norm
        layer.trainable = position >= first and not held
        if isinstance(layer, load_keras().layers.Dropout):
            hold_dropout(layer, position < first)


def first_trainable(base, layer_names, part):
    """Position of the first trainable layer among a base's `layer_names`, for `part`."""
    if part == "all":
        return 0
    if part == "none":
        return len(layer_names)
    check_part(base, part)
    if part.startswith("last:"):
        return max(0, len(layer_names) - _layer_count(part))
    stages = stages_of(base)
    stage = list(stages).index(part)
    if stage == 0:
        return 0
    last_below = list(stages.values())[stage - 1]
    return layer_names.index(last_below) + 1


def check_part(base, part):
    """Refuse a name that is no part of the base called `base`."""
    if part in ("all", "none"):
        return
    if part.startswith("last:"):
        _layer_count(part)
        return
    stages = stages_of(base)
    if part not in stages:
        known = f"{base} has: {', '.join(('all', 'none', 'last:N', *stages))}"
        raise UserError("unknown part to train", repr(part), known)


def _layer_count(part):
    count = part.removeprefix("last:")
    if not count.isdigit() or int(count) < 1:
        raise UserError("last:N needs a whole number from 1", part, "For example last:20")
    return int(count)
