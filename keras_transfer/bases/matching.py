"""Which layer of a file belongs to which layer of a base; shape by shape, before any is used."""

from typing import NamedTuple

from keras_transfer.backend import load_keras
from keras_transfer.bases.names import class_names, flat_operations, fresh_names, snake_case
from keras_transfer.errors import UserError

STATISTICS = "normalization"  # EfficientNet keeps the mean and variance of pixels in its weights


class Target(NamedTuple):
    """One layer of a base that wants weights."""

    layer: object
    name: str  # in a fresh session
    path: str  # where Keras 3 keeps it: "layers/conv2d_3"

    @property
    def shapes(self):
        return [tuple(weight.shape) for weight in self.layer.weights]


class Misfit(NamedTuple):
    """The first layer that keeps a file from fitting a base."""

    position: int  # of the layer in the base: the later, the nearer the two
    layer: str
    wanted: list  # shapes in the base; empty where it has no such layer
    found: list  # shapes in the file; empty where it has no such layer


def find_targets(bare):
    """The layers of `bare` that want weights, in order; its own scaling of pixels skipped."""
    keras = load_keras()
    operations = flat_operations(bare)
    names = fresh_names([op.name for op in operations], class_names(operations))
    paths = _paths(bare)
    return [
        Target(operation, names[operation.name], paths[operation.name])
        for operation in operations
        if isinstance(operation, keras.layers.Layer)
        and operation.weights
        and not isinstance(operation, keras.layers.Normalization)
    ]


def _paths(model, prefix="layers"):
    """{layer name: its path in a `.weights.h5`}; Keras counts each class within each model."""
    keras = load_keras()
    counts, paths = {}, {}
    for layer in model.layers:
        kind = snake_case(type(layer).__name__)
        number = counts[kind] = counts.get(kind, -1) + 1
        path = f"{prefix}/{kind}_{number}" if number else f"{prefix}/{kind}"
        paths[layer.name] = path
        if isinstance(layer, keras.Model):
            paths |= _paths(layer, f"{path}/layers")
    return paths


def match(entries, targets, name, file):
    """The Entry for each of `targets`, in order.

    Legacy files are read by order where the count is right, as Keras does; else layers are
    found by name, and where the names say nothing by their place in the file. A model around
    the base (a head, a network that holds the base) does not matter.

    Raises:
        UserError: they do not fit; names the first layer that differs, and both shapes.
    """
    nearest = None
    for picks, pool in _pairings(entries, targets):
        misfit = _misfit(picks, pool, targets)
        if misfit is None:
            return picks
        if nearest is None or (misfit.position, bool(misfit.found)) > (
            nearest.position,
            bool(nearest.found),
        ):
            nearest = misfit
    raise _misfit_error(nearest, name, file)


def _pairings(entries, targets):
    """Ways to pair: (an Entry or None for each target, the entries it chose from)."""
    legacy = all(not entry.kind for entry in entries)
    if legacy and len(entries) == len(targets):
        yield list(entries), entries
    for root in sorted({entry.group for entry in entries}, key=len):
        pool = [e for e in entries if e.group == root or e.group.startswith(f"{root}/")]
        named = _by_name(pool, targets)
        yield [named.get(target.name) for target in targets], pool
        if not legacy:
            placed = {(e.group, e.kind, e.number): e for e in pool}
            yield [placed.get(_place(root, target.path)) for target in targets], pool


def _place(root, path):
    group, _, last = (root + path.removeprefix("layers")).rpartition("/")
    kind, _, number = last.rpartition("_")
    return (group, kind, int(number)) if number.isdigit() else (group, last, 0)


def _by_name(pool, targets):
    """{name in a fresh session: Entry}; a name that stands twice in `pool` is nobody's."""
    known = {snake_case(type(target.layer).__name__) for target in targets}
    named, twice = {}, set()
    for group in {entry.group for entry in pool}:
        members = [entry for entry in pool if entry.group == group]
        classes = {entry.kind for entry in members} - {""} or known
        fresh = fresh_names([entry.name for entry in members], classes)
        for entry in members:
            name = fresh[entry.name]
            if name in named:
                twice.add(name)
            named[name] = entry
    return {name: entry for name, entry in named.items() if name not in twice}


def _misfit(picks, pool, targets):
    for position, (target, entry) in enumerate(zip(targets, picks, strict=True)):
        if entry is None or entry.shapes != target.shapes:
            found = [] if entry is None else entry.shapes
            return Misfit(position, target.name, target.shapes, found)
    last = {}  # of each kind, the place of the last one used
    for entry in picks:
        kind = (entry.group, entry.kind)
        last[kind] = max(last.get(kind, -1), entry.number)
    used = {id(entry) for entry in picks}
    for entry in sorted(pool, key=lambda entry: entry.number):
        # A top comes after the base; a layer in between means a deeper network.
        if id(entry) not in used and entry.number < last.get((entry.group, entry.kind), -1):
            return Misfit(len(targets), entry.name or entry.kind, [], entry.shapes)
    return None


def _misfit_error(misfit, name, file):
    wanted = f"{_text(misfit.wanted)} in {name}" if misfit.wanted else f"no such layer in {name}"
    found = f"{_text(misfit.found)} in the file" if misfit.found else "no such layer in the file"
    return UserError(
        f"the weights in {file} do not fit {name}: they differ first at the layer {misfit.layer}",
        f"{found}, {wanted}",
        f"Take weights that were made with {name}, or the --base that made these",
    )


def _text(shapes):
    return " ".join(str(shape) for shape in shapes)


def split_statistics(entries):
    """(the entries without the pixel statistics of an EfficientNet, these or None)."""
    kept, statistics = [], None
    for entry in entries:
        if entry.name.rstrip("_0123456789") == STATISTICS or entry.kind == STATISTICS:
            statistics = entry
        else:
            kept.append(entry)
    return kept, statistics
