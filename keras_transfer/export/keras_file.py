"""`model.keras`, with what its answers mean inside it."""

import os
import zipfile
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.export.about import MEMBER, about_text, parse_about
from keras_transfer.runtime import load_keras


def save_keras(model, path, about):
    """Write `model` and `about` to `path` as one file, in one move.

    The file holds no optimizer and no loss, so that any Keras loads it with nothing of ours.
    """
    keras = load_keras()
    aside = Path(path).with_name("aside.keras")
    plain = keras.Model(model.input, model.output, name=model.name)
    plain.save(aside)
    with zipfile.ZipFile(aside, "a") as archive:
        archive.writestr(MEMBER, about_text(about))  # Keras leaves members alone it does not know
    os.replace(aside, path)


def read_about(path):
    """The `About` in a `.keras` file."""
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
    return parse_about(text, path)


def load_keras_file(path):
    """(model, About) of a `.keras` file; nothing in it is executed (Keras's safe mode)."""
    about = read_about(path)
    return load_keras().models.load_model(path, compile=False), about
