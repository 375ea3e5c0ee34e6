"""The inputs and outputs of a file in the order that its user wants."""

from keras_transfer.errors import UserError


def in_order(named, every, names, where):
    """What `names` call in the dict `named`, as a tuple; all of `every` where it is None."""
    if names is None:
        return tuple(every)
    if set(names) - set(named):
        raise UserError(
            f"{where} has no such inputs or outputs", ", ".join(names), f"It has {list(named)}"
        )
    return tuple(named[name] for name in names)
