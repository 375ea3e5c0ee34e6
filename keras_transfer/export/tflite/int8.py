"""An int8 TFLite file: uint8 pixels in, weights and activations of 8 bits, float32 answers out.

The ranges of activations are measured on training examples; weights have a scale a channel. Some
networks take it badly (MobileNet's depthwise weights: Sheng et al. 2018, arXiv:1803.08607). Then
more is tried, see RECIPES, and the log says what each gave.

How much a file loses is judged on blends of two training examples. The examples themselves are
known by heart: on them files agree with the model that do not on others. Half of one and half of
another is doubtful, as a new example is: how far a file's answers to blends are from the model's
tells how far those to new examples will be (rank correlation 0.93), if not how many will agree
(`benchmarks/int8.py`).
"""

import math
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import UserError
from keras_transfer.export.certificate.non_inferiority import AGREE, task_of
from keras_transfer.export.names import ANSWERS
from keras_transfer.export.readers import TFLiteReader
from keras_transfer.export.saved_model import require_tensorflow
from keras_transfer.export.tflite.calibration import Calibrated, set_int8
from keras_transfer.export.tflite.metadata import add_metadata
from keras_transfer.model.float32_copy import float32_copy
from keras_transfer.runtimes.engines import BATCH, keras_engine, run_batches
from keras_transfer.runtimes.litert import convert_traced, converter_error, trace

FEW = 200  # examples to calibrate on; of more the ranges hardly change
BLENDS = 200  # blended examples to judge by
ENOUGH = 0.95  # of the blends, or more is tried; beyond it mostly time is lost (benchmarks/int8.py)


class Recipe(NamedTuple):
    """One way to quantise.

    Attributes:
        name: for the log.
        calibrated: examples to measure ranges on; None for all there are.
        float_layers: layers that stay in float: of the light ones those that lose most.
        activations: their bits, 8 or 16.
    """

    name: str
    calibrated: int | None = FEW
    float_layers: int = 0
    activations: int = 8


def _sparing(layers):
    return Recipe(f"the {layers} most sensitive light layers in float", float_layers=layers)


RECIPES = (  # what costs least first
    Recipe("a scale a channel"),
    *map(_sparing, (3, 6, 12, 24)),
    Recipe("24 light layers in float, more examples to calibrate on", None, float_layers=24),
    Recipe("activations of 16 bits", activations=16),  # many times slower, so the last
)


def export_int8(model, path, spec, sample=None):
    """Write `model` as an int8 TFLite file.

    As `export.tflite.export_tflite`, but for the input, uint8 (1, s, s, 3), or float32 where
    activations of 16 bits were needed.

    Args:
        sample: gives training examples, uint8 (m, s, s, 3).

    Returns:
        dict: recipe, its name; input, the type of its pixels.

    Raises:
        UserError: as there; no training examples; no recipe works.
    """
    require_tensorflow()
    examples = sample() if sample else ()
    if not len(examples):
        raise UserError("int8 needs training examples to measure ranges on", "none")
    best = Quantiser(float32_copy(model), spec, examples).best()
    Path(path).write_bytes(best.data)
    return {"recipe": best.recipe.name, "input": _input(path)}


def _input(path):
    """The type of a file's pixels; a UserError where uint8 does not mean 0..255."""
    source = TFLiteReader(path).source
    if source["dtype"] == np.uint8 and source["quantization"] != (1.0, 0):
        raise UserError("the quantiser changed the scale of pixels", source["quantization"])
    return np.dtype(source["dtype"]).name


class Attempt(NamedTuple):
    """What one recipe gave.

    Attributes:
        recipe: a Recipe; data: the file (bytes), None where it cannot be made.
        agreement: share of the blends that it answers as the model does.
        distance: mean difference of its answers from the model's.
    """

    recipe: Recipe
    data: bytes | None = None
    agreement: float = 0.0
    distance: float = math.inf


class Quantiser:
    """Tries recipes on one network.

    Args:
        network: `keras.Model` of float32; about: `export.about.ModelSpec`.
        sample: training examples, uint8 (m, s, s, 3).
    """

    def __init__(self, network, spec, sample):
        self.network, self.spec, self.sample = network, spec, sample
        self.traced = trace(network, ANSWERS[spec.task])
        self.task = task_of(spec, network)
        self.blends = blend(sample, BLENDS)
        self.expected = run_batches(keras_engine(network, BATCH), self.blends)
        self._calibrated = {}  # by the number of examples; an error where it failed

    def best(self):
        """The first Attempt that agrees ENOUGH, else the nearest to the model.

        Activations of 16 bits make a file many times slower: it is the last resort.
        """
        nearest, highest = Attempt(None), 0.0
        for recipe in self.recipes():
            if recipe.activations == 16 and highest >= AGREE:
                continue
            attempt = self.attempt(recipe)
            highest = max(highest, attempt.agreement)
            nearest = min(nearest, attempt, key=lambda attempt: attempt.distance)
            if attempt.agreement >= ENOUGH:
                return attempt
        if nearest.data is None:
            advice = "Take tflite-dynamic or tflite-float16"
            raise UserError("this network cannot be quantised to int8", self.spec.base, advice)
        return nearest

    def recipes(self):
        """Those of RECIPES that differ on this sample, `calibrated` a number in each."""
        differ = {}
        for recipe in RECIPES:
            calibrated = min(recipe.calibrated or len(self.sample), len(self.sample))
            recipe = recipe._replace(calibrated=calibrated)
            differ.setdefault(recipe[1:], recipe)
        return list(differ.values())

    def attempt(self, recipe):
        """The Attempt at one of `recipes`; the log says how it went."""
        try:
            data = add_metadata(self._quantise(recipe), self.spec)
            found = predictions_of(data, self.blends)
        except (UserError, RuntimeError, ValueError, converter_error()) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            progress.say(f"int8, {recipe.name}: cannot be made ({reason})")
            return Attempt(recipe)
        agreement = float(self.task.agreement(self.expected, found).mean())
        distance = float(np.abs(found - self.expected).mean())
        progress.say(
            f"int8, {recipe.name}: {len(data) / 2**20:.1f} MiB, answers {agreement:.1%} of "
            f"{len(self.blends)} blended training examples as the model does, {distance:.2g} apart"
        )
        return Attempt(recipe, data, agreement, distance)

    def _quantise(self, recipe):
        examples = self.sample[: recipe.calibrated]
        if recipe.activations == 16:

            def settings(tf, converter):
                set_int8(tf, converter, examples, recipe.activations)

            return convert_traced(self.traced, self.network.weights, settings)
        if recipe.calibrated not in self._calibrated:
            try:
                network = Calibrated(self.traced, self.network.weights, examples)
            except (UserError, RuntimeError, ValueError) as error:
                network = error  # it would take as long each time
            self._calibrated[recipe.calibrated] = network
        network = self._calibrated[recipe.calibrated]
        if isinstance(network, Exception):
            raise network
        return network.quantise(recipe.float_layers)


def blend(examples, most):
    """At most so many halves of one example and another: uint8 (n, s, s, 3)."""
    count = min(most, len(examples))
    others = examples[(np.arange(count) + 1 + len(examples) // 2) % len(examples)]
    halves = (examples[:count].astype(np.float32) + others) / 2
    return np.round(halves).astype(np.uint8)


def predictions_of(data, pixels):
    """Answers float32 (n, k) of a file (bytes)."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "model.tflite"
        file.write_bytes(data)
        return TFLiteReader(file).predict_arrays(pixels)
