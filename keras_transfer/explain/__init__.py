"""Why a model predicts what it does: maps over an example of what its prediction rests on.

Each method is a file with `maps(model, inputs, outputs=None)`, float32 (n, height, width) in 0..1.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.config import find_in
from keras_transfer.errors import ExampleError, UserError

BATCH_SIZE = 16  # files that are explained together, and between two steps of the progress bar


class Explanation(NamedTuple):
    """One file, what is predicted for it, and where the evidence for that lies.

    Attributes:
        path: of the file.
        method: the name of the method.
        predicted: the prediction as a person reads it.
        output: the name of the class, label or number that the map is about; empty where a
            prediction is no row of numbers.
        value: its probability or number.
        probability: whether `value` is a probability.
        pixels: uint8 (height, width, 3), the example as a person sees it.
        map: float32 (height, width) in 0..1, at the size of `pixels`.
        error: why the file could not be read; then there is nothing else.
    """

    path: str
    method: str = ""
    predicted: str = ""
    output: str = ""
    value: float | None = None
    probability: bool = False
    pixels: Any = None
    map: Any = None
    error: str = ""

    def draw(self):
        """The example beside its overlay, with what is predicted, as a `PIL.Image`."""
        from keras_transfer.explain.common.panel import draw_panel

        number = self.value is not None and not self.probability
        quantity = "raises the value" if number else "evidence"
        return draw_panel(self.pixels, self.map, self.title, f"method: {self.method}", quantity)

    @property
    def title(self):
        """What the map is about, in a line: "tulips 97.1 %"."""
        if self.value is None:
            return self.predicted
        return f"{self.output}  {_percent(self.value) if self.probability else f'{self.value:.4g}'}"


def _percent(share):
    """Nothing is certain, so no rounding to 0 or 100 %."""
    if 0.0005 <= share < 0.9995:
        return f"{100 * share:.1f} %"
    return "under 0.1 %" if share < 0.5 else "over 99.9 %"


def find_method(name):
    """The module of the method called `name`; an unknown name is a UserError."""
    return find_in("explain", "method", name)


def quick_maps(model):
    """A function of a model's inputs (n, ...) that gives their Grad-CAM maps, for a report.

    None where the model has no feature map for that, or runs on another backend.
    """
    from keras_transfer.explain.grad_cam import check, maps

    try:
        check(model)
    except UserError:
        return None
    return lambda inputs: maps(model, inputs)


def explain_files(model, paths, method="grad_cam"):
    """Explain what a model predicts for files; yields an Explanation each, in order.

    Args:
        model: a `Run`, a `Predictor`, or the path of a run.
        paths: files, folders or patterns, as of `Predictor.predict`.
        method: grad_cam or rise, a file of this room.

    Raises:
        UserError: an unknown method, a file that was exported, inputs that cannot be shown.
    """
    from keras_transfer.run.folder import Run
    from keras_transfer.run.predictor import Predictor, find_examples

    find_method(method)
    predictor = model.predictor if isinstance(model, Run) else model
    if not isinstance(predictor, Predictor):
        predictor = Predictor.load(predictor)
    if not predictor.task.tabular:
        advice = "Draw them with keras-transfer predict --overlay"
        raise UserError("only rows of numbers can be explained", predictor.task.name, advice)
    if predictor.model is None:
        advice = "Name the run's folder, or its model.keras"
        raise UserError("an exported file cannot be explained", "", advice)
    paths = [paths] if isinstance(paths, str) or not np.iterable(paths) else paths
    return _explain(predictor, find_examples(paths, predictor.modality), method)


def _explain(predictor, files, method):
    network = _with_scores(predictor.model)
    with progress.bar("Explaining", len(files)) as advance:
        for start in range(0, len(files), BATCH_SIZE):
            part = files[start : start + BATCH_SIZE]
            loaded = [_load(predictor, file) for file in part]
            yield from _explain_batch(predictor, network, part, loaded, method)
            advance(len(part))


def _load(predictor, file):
    """(inputs, pixels to show) of a file, or the reason why it cannot be read."""
    modality, spec = predictor.modality, predictor.spec.inputs
    try:
        return modality.load(file, spec).arrays, modality.show(file, spec)
    except ExampleError as error:
        return str(error)


def _with_scores(model):
    """A network that gives predictions, and last the scores of which one is explained."""
    from keras_transfer.backend import load_keras
    from keras_transfer.explain.common.network import score_tensor

    return load_keras().Model(model.input, [*model.outputs, score_tensor(model)])


def _explain_batch(predictor, network, files, loaded, method):
    from keras_transfer.explain.common.network import choose_outputs, resize_maps, run_eagerly
    from keras_transfer.inputs.common.arrays import from_tuple, stack, take

    readable = [one for one in loaded if not isinstance(one, str)]
    if readable:
        inputs = stack([arrays for arrays, _ in readable])
        *predictions, scores = run_eagerly(network, inputs)
        predictions = from_tuple(predictions)
        outputs = choose_outputs(scores.reshape(len(scores), -1))
        found = find_method(method).maps(predictor.model, inputs, outputs)
    place = 0
    for file, one in zip(files, loaded, strict=True):
        if isinstance(one, str):
            yield Explanation(str(file), method, error=one)
            continue
        shown = resize_maps(found[place : place + 1], *one[1].shape[:2])[0]
        named = _name(predictor, take(predictions, place), int(outputs[place]))
        yield Explanation(str(file), method, **named, pixels=one[1], map=shown)
        place += 1


def _name(predictor, prediction, output):
    """What an Explanation says of a prediction, of which `output` is explained."""
    task = predictor.task
    named = {"predicted": task.decode(prediction)}
    if task.tabular:
        named |= {"output": task.outputs[output], "value": float(prediction[output])}
        named |= {"probability": task.probabilities}
    return named
