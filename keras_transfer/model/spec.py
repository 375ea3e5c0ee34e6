"""ModelSpec: what a model takes and gives. It travels inside every file that holds the model."""

import json
from typing import Any, NamedTuple

from keras_transfer.errors import UserError
from keras_transfer.inputs import InputSpec, Tensor

MEMBER = "keras_transfer.json"  # its name in a `.keras` file, a SavedModel, behind a TFLite file


class ModelSpec(NamedTuple):
    """What a model takes and gives.

    Attributes:
        task: the name of a file in `tasks`.
        outputs: names of the classes, labels or numbers, in the order of the predictions.
        base: the name of the pretrained network.
        inputs: how an example becomes the arrays that the model takes.
        task_settings: what the task needs besides, for example the spread of the labels.
        thresholds: what predictions are decided by: `unsure`, the confidence below which one is
            called unsure; `unlike_training`, the distance beyond which an example is; `task`, what
            `Task.choose_thresholds` gave.
    """

    task: str
    outputs: tuple[str, ...]
    base: str
    inputs: InputSpec
    task_settings: dict[str, Any] = {}  # noqa: RUF012
    thresholds: dict[str, Any] = {}  # noqa: RUF012


def spec_to_json(spec):
    """A ModelSpec as JSON."""
    return json.dumps({**spec._asdict(), "inputs": spec.inputs._asdict()})


def spec_from_json(text, where):
    """The ModelSpec that a file holds; a UserError that names `where` if it is none."""
    try:
        fields = json.loads(text)
        inputs = fields["inputs"]
        tensors = [Tensor(name, tuple(shape), dtype) for name, shape, dtype in inputs["tensors"]]
        inputs = InputSpec(**{**inputs, "tensors": tuple(tensors)})
        return ModelSpec(**{**fields, "outputs": tuple(fields["outputs"]), "inputs": inputs})
    except (ValueError, TypeError, KeyError) as error:
        raise UserError("this file does not say what its outputs mean", where, str(error)) from None


def name_lines(outputs):
    """Names of outputs as text, one a line; a line break in a name becomes a space."""
    return "".join(" ".join(str(name).splitlines()) + "\n" for name in outputs)
