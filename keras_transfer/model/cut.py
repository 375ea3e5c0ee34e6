"""Split a flat model below its trainable part, into what runs once and what trains."""

from keras_transfer.backend import load_keras


def cut(model):
    """Prefix and suffix that share the model's weights; suffix(prefix(x)) is model(x).

    The cut is the last single tensor below everything that trains or draws (dropout), and beside
    it what the head taps of the stages below (`model.tap_layers`). A model that trains from its
    first layer is cut at its input: the prefix then changes nothing.

    Returns:
        (prefix, suffix), both `keras.Model`; prefix(pixels) is what can be stored.
    """
    keras = load_keras()
    tensors = cut_tensors(model)
    tensors = tensors if len(tensors) > 1 else tensors[0]
    prefix = keras.Model(model.input, tensors, name=f"{model.name}_prefix")
    suffix = keras.Model(tensors, model.output, name=f"{model.name}_suffix")
    return prefix, suffix


def cut_tensors(model):
    """The KerasTensors at which `cut` splits, from the first layers on."""
    operations = model.operations
    moving = next(
        (position for position, op in enumerate(operations) if _moves(op)), len(operations) - 1
    )
    last = [position for position in clean_cuts(model) if position < moving][-1]
    taps = getattr(model, "tap_layers", ())
    below = [op.output for op in operations[:last] if op.name in taps]
    return [*below, operations[last].output]


def clean_cuts(model):
    """Positions in `model.operations` after which one single tensor carries everything on.

    A cut is clean when no operation at or before it feeds one after it except through its own
    output, or as a tap of the head. Residual and dense networks have such places between their
    blocks only.
    """
    operations = model.operations
    position_of = {id(op): position for position, op in enumerate(operations)}
    last_use = _last_uses(model, position_of)
    cuts, reach = [], -1
    for position in range(len(operations)):
        if reach <= position:  # nothing earlier is used beyond this operation
            cuts.append(position)
        reach = max(reach, last_use[position])
    return cuts


def _last_uses(model, position_of):
    last_use = list(range(len(position_of)))
    taps, head = getattr(model, "tap_layers", ()), getattr(model, "head_layers", ())
    for nodes in model._nodes_by_depth.values():
        for node in nodes:
            user = position_of[id(node.operation)]
            for parent in node.parent_nodes:
                source = position_of[id(parent.operation)]
                if parent.operation.name in taps and node.operation.name in head:
                    continue
                last_use[source] = max(last_use[source], user)
    return last_use


def _moves(operation):
    """Whether an operation trains, or gives other outputs from call to call while training.

    The dropout that some bases carry themselves rests with the part of the base that is frozen.
    """
    if not getattr(operation, "trainable", True):
        return False
    if getattr(operation, "trainable_weights", ()):
        return True
    return "seed_generator" in vars(operation) or getattr(operation, "rate", 0) > 0
