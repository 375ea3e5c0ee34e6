"""`model.keras`, with what its answers mean inside it."""

import json
import os
import zipfile
from pathlib import Path
from typing import NamedTuple

from keras_transfer.errors import UserError
from keras_transfer.runtime import load_keras

MEMBER = "keras_transfer.json"  # Keras reads the members it knows and leaves others alone


class About(NamedTuple):
    """What a model answers, and how pictures are brought to it."""

    task: str
    outputs: tuple[str, ...]
    resize: str
    image_size: int
    base: str


def save_keras(model, path, about):
    """Write `model` and `about` to `path` as one file, in one move.

    The file holds no optimizer and no loss, so that any Keras loads it with nothing of ours.
    """
    keras = load_keras()
    aside = Path(path).with_name("aside.keras")
    plain = keras.Model(model.input, model.output, name=model.name)
    plain.save(aside)
    with zipfile.ZipFile(aside, "a") as archive:
        archive.writestr(MEMBER, json.dumps(about._asdict()))
    os.replace(aside, path)


def read_about(path):
    """The `About` in a `.keras` file."""
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(MEMBER))
    except zipfile.BadZipFile:
        raise UserError("this is not a .keras file", path) from None
    except KeyError:
        raise UserError(
            "this .keras file does not say what its outputs mean",
            path,
            "Only models trained by keras_transfer can be used here",
        ) from None
    return About(**{**about, "outputs": tuple(about["outputs"])})


def load_keras_file(path):
    """(model, About) of a `.keras` file; nothing in it is executed (Keras's safe mode)."""
    about = read_about(path)
    return load_keras().models.load_model(path, compile=False), about
