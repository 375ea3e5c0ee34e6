"""What files of Keras weights hold: names, shapes and numbers. No code of a file is run.

`.weights.h5`, the `model.weights.h5` inside a `.keras`, and the legacy `.h5` are all HDF5. Only
their datasets are read; links to other files and numbers kept elsewhere are refused.
"""

import contextlib
import io
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy

from keras_transfer.errors import UserError

ENDINGS = (".weights.h5", ".h5", ".hdf5", ".keras")
INNER = "model.weights.h5"  # the member of a .keras that holds its weights


UNREADABLE = (  # what zipfile, zlib, h5py and json raise on broken or unexpected content
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


class Entry(NamedTuple):
    """The weights of one layer as a file holds them."""

    name: str  # of the layer; empty where the file does not say
    group: str  # path of the model around it: "layers", "layers/functional/layers"; legacy: ""
    kind: str  # its class as Keras writes it into paths: "conv2d"; legacy: ""
    number: int  # its place among those of its kind in its group
    datasets: tuple  # of h5py, in the order of layer.weights

    @property
    def shapes(self):
        return [tuple(dataset.shape) for dataset in self.datasets]


def find_weight_file(path):
    """The file that the user's `path` means: itself, or the `model.keras` of a run folder."""
    path = Path(path).expanduser()
    if path.is_dir():
        path = path / "model.keras"
        if not path.is_file():
            advice = "Name a run folder that has a model.keras, or a file of weights"
            raise UserError("the folder of weights holds no model", path.parent, advice)
    if not path.is_file():
        advice = "auto, imagenet and none are the other choices"
        raise UserError("the file of weights does not exist", path, advice)
    if not path.name.endswith(ENDINGS):
        advice = f"Known endings: {', '.join(ENDINGS)}, or a run folder"
        raise UserError("the file of weights has an unknown ending", path.name, advice)
    return path


@contextlib.contextmanager
def open_weights(path):
    """Yield the list of Entry of the weight file `path`; its numbers can be read until the end.

    Raises:
        UserError: the file is broken, holds no weights of Keras, or points outside itself.
    """
    import h5py

    with contextlib.ExitStack() as stack:
        try:
            source = io.BytesIO(_inner_file(path)) if path.name.endswith(".keras") else path
            entries = _entries(stack.enter_context(h5py.File(source, "r")))
        except UNREADABLE as error:
            raise _unreadable(path, error) from error
        if not entries:
            raise _unreadable(path, "no layer with weights in it")
        yield entries


def _inner_file(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read(INNER)


def _unreadable(path, error):
    advice = "It may be cut short or of another kind; copy or save it again"
    return UserError("the file of weights cannot be read", f"{path.name}: {error}", advice)


def read_numbers(entry, path):
    """The arrays of one Entry, as `layer.set_weights` takes them."""
    try:
        return [numpy.asarray(dataset) for dataset in entry.datasets]
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _entries(file):
    datasets = {}

    def keep(path, item):  # visititems follows no soft and no external link
        if hasattr(item, "shape"):
            datasets[path] = _own_numbers(path, item)

    file.visititems(keep)
    if "layer_names" in file.attrs or "layer_names0" in file.attrs:
        return _legacy_entries(file, "", datasets)
    if any(path.startswith("model_weights/") for path in datasets):
        return _legacy_entries(file["model_weights"], "model_weights/", datasets)
    return _current_entries(file, datasets)


def _own_numbers(path, dataset):
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{path} points to another file")
    if dataset.dtype.kind not in "fiub" or "dtype" in dataset.attrs:  # bfloat16 lies as raw bytes
        raise ValueError(f"{path} holds {dataset.dtype}, no numbers that every Keras reads")
    return dataset


def _current_entries(file, datasets):
    """Keras 3: LAYERS/KIND_NUMBER/vars/0, the layer's name an attribute of `vars`."""
    owners = {}
    for path, dataset in datasets.items():
        owner, _, place = path.rpartition("/vars/")
        if owner and place.isdigit() and not owner.startswith("optimizer"):
            owners.setdefault(owner, {})[int(place)] = dataset
    entries = []
    for owner, numbered in owners.items():
        group, _, last = owner.rpartition("/")
        kind, number = re.fullmatch(r"(.*?)(?:_([0-9]+))?", last).groups()
        if kind == "seed_generator":
            continue
        name = str(file[f"{owner}/vars"].attrs.get("name", ""))
        arrays = tuple(numbered[place] for place in sorted(numbered))
        entries.append(Entry(name, group, kind, int(number or 0), arrays))
    return entries


def _legacy_entries(file, prefix, datasets):
    """Keras 1 and 2: layer names and, per layer, weight names as attributes, in order."""
    entries = []
    for layer in _texts(file.attrs, "layer_names"):
        names = _texts(file[layer].attrs, "weight_names")
        owners = {}
        for name in names:
            owner = name.split("/")[-2] if "/" in name else layer
            owners.setdefault(owner, []).append(datasets[f"{prefix}{layer}/{name}"])
        if len(owners) == 1:  # not a nested model: the layer's own name is the sure one
            owners = {layer: next(iter(owners.values()))}
        for owner, arrays in owners.items():
            entries.append(Entry(owner, "", "", len(entries), tuple(arrays)))
    return entries


def _texts(attributes, name):
    """A list of texts; HDF5 keeps a long one in pieces NAME0, NAME1 and so on."""
    if name in attributes:
        found = list(attributes[name])
    else:
        pieces = [key for key in attributes if re.fullmatch(rf"{name}[0-9]+", key)]
        pieces.sort(key=lambda key: int(key[len(name) :]))
        found = [text for key in pieces for text in attributes[key]]
    return [text.decode() if isinstance(text, bytes) else str(text) for text in found]


def _three(numbers):
    """A number a channel; a layer keeps one where all channels have the same."""
    return tuple(numbers) if isinstance(numbers, list) else (numbers,) * 3


def read_scale(path):
    """(scale, offset) of the layer "scale" in a `.keras` of this package; None without one."""
    if not path.name.endswith(".keras"):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            layers = json.loads(archive.read("config.json"))["config"].get("layers", [])
        for layer in layers:
            settings = layer.get("config", {})
            if layer["class_name"] == "Rescaling" and settings["name"] == "scale":
                return _three(settings["scale"]), _three(settings["offset"])
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    return None
