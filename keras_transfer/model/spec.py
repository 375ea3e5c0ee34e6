"""What a model's answers mean: it travels inside every file that holds the model."""

import json
from typing import NamedTuple

from keras_transfer.errors import UserError

MEMBER = "keras_transfer.json"  # its name in a `.keras` file, a SavedModel, behind a TFLite file


class ModelSpec(NamedTuple):
    """What a model answers, and how images are brought to it."""

    task: str
    outputs: tuple[str, ...]
    resize: str
    image_size: int
    base: str


def spec_to_json(spec):
    """An `ModelSpec` as JSON."""
    return json.dumps(spec._asdict())


def spec_from_json(text, where):
    """The `ModelSpec` that a file holds; a UserError that names `where` if it is none."""
    try:
        fields = json.loads(text)
        return ModelSpec(**{**fields, "outputs": tuple(fields["outputs"])})
    except (ValueError, TypeError, KeyError) as error:
        raise UserError("this file does not say what its outputs mean", where, str(error)) from None
