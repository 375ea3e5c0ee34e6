"""Layer names that are the same in every build, whatever was built before in the process."""

import re

from keras_transfer.backend import load_keras


def fresh_names(names, classes):
    """`names` as a fresh session would have given them: {name: name counted from nothing}.

    Keras numbers unnamed layers across the whole process: what is conv2d_17 in one build is
    conv2d_111 in the next. The order of the numbers is the order of building, so counting
    each kind anew gives back the well-known names.

    Args:
        names: names of the layers of one network, any order.
        classes: names that Keras gives unnamed layers of their classes, such as "conv2d".
    """
    numbered = {}
    for name in names:
        stem, _, number = name.rpartition("_")
        if name in classes:
            numbered.setdefault(name, []).append((0, name))
        elif stem in classes and re.fullmatch(r"[0-9]+", number):
            numbered.setdefault(stem, []).append((int(number), name))
    fresh = {name: name for name in names}
    for stem, found in numbered.items():
        for position, (_, name) in enumerate(sorted(found)):
            fresh[name] = f"{stem}_{position}" if position else stem
    return fresh


def class_names(operations):
    """The names that Keras gives unnamed layers or operations of these classes."""
    return {snake_case(type(operation).__name__) for operation in operations}


def snake_case(name):
    """A class's name as Keras writes it into names: Conv2D -> conv2d, ReLU -> re_lu."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def flat_operations(model):
    """The operations of `model` in order, those inside its nested models in their place."""
    keras = load_keras()
    operations = []
    sequential = isinstance(model, keras.Sequential)
    for operation in model.layers if sequential else model.operations:
        nested = isinstance(operation, keras.Model)
        operations.extend(flat_operations(operation) if nested else [operation])
    return [op for op in operations if not isinstance(op, keras.layers.InputLayer)]
