"""`model.keras`, with its ModelSpec inside it."""

import zipfile
from pathlib import Path

from keras_transfer.backend import load_keras
from keras_transfer.environment import atomic_write
from keras_transfer.errors import UserError
from keras_transfer.model.spec import MEMBER, spec_from_json, spec_to_json


def save_keras(model, path, spec):
    """Write `model` and its ModelSpec to `path` as one file, in one move.

    The file holds no optimizer and no loss, so that any Keras loads it with nothing of ours.
    """
    keras = load_keras()
    plain = keras.Model(model.input, model.output, name=model.name)
    with atomic_write(path) as fresh:
        plain.save(fresh)
        with zipfile.ZipFile(fresh, "a") as archive:
            # Keras leaves members alone that it does not know
            archive.writestr(MEMBER, spec_to_json(spec))


def is_base_of(path, name):
    """Whether `path` is the folder of a run on the base called `name`, or the model in it."""
    path = Path(path).expanduser()
    inside = path.name == "model.keras" and (path.parent / "run.json").is_file()
    file = path if inside else path / "model.keras"
    return file.is_file() and read_spec(file).base == name


def read_spec(path):
    """The `ModelSpec` in a `.keras` file."""
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(MEMBER)
    except zipfile.BadZipFile:
        raise UserError("this is not a .keras file", path) from None
    except KeyError:
        raise UserError(
            "this .keras file does not say what its outputs mean",
            path,
            "Only models trained by keras_transfer can be used here",
        ) from None
    return spec_from_json(text, path)


def load_keras_file(path):
    """(model, ModelSpec) of a `.keras` file; nothing in it is executed (Keras's safe mode)."""
    spec = read_spec(path)
    return load_keras().models.load_model(path, compile=False), spec
