"""An int8 TFLite file: uint8 pixels in, 8-bit weights and activations, float32 predictions out.

The ranges of activations are measured on training examples; weights have a scale a channel. Some
networks take it badly (MobileNet's depthwise weights: Sheng et al. 2018, arXiv:1803.08607). Then
more is tried, see RECIPES, and the log has what each gave.

How much a file loses is judged on blends of two training examples. The examples themselves were
learned: on them files agree with the model that do not on others. The mean of two is as doubtful
as a new example. How far a file's predictions for blends are from the model's tells how far those
for new examples will be (rank correlation 0.93), if not how many will agree
(`benchmarks/int8.py`).
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import UserError
from keras_transfer.export.certificate.non_inferiority import AGREE
from keras_transfer.export.common.network import require_tensorflow
from keras_transfer.export.tflite.calibration import Calibrated, set_int8
from keras_transfer.export.tflite.metadata import add_files, describe
from keras_transfer.inputs.common.arrays import as_tuple, each
from keras_transfer.runtimes.conversion import convert_traced, converter_error
from keras_transfer.runtimes.litert import LiteRTRuntime

FEW = 200  # examples to calibrate on; of more the ranges hardly change
BLENDS = 200  # blended examples to judge by


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


def write_int8(network, path, sample=None):
    """Write a network as an int8 TFLite file.

    As `export.tflite.write`, but for the input, uint8 (1, s, s, 3), or float32 where activations
    of 16 bits were needed.

    Args:
        sample: gives training examples, uint8 (m, s, s, 3).

    Returns:
        dict: recipe, its name; input, the type of its pixels.

    Raises:
        UserError: as there; no training examples; other inputs than bytes; no recipe works.
    """
    require_tensorflow()
    examples = sample() if sample else ()
    if not len(examples):
        raise UserError("int8 needs training examples to measure ranges on", "none")
    if [tensor.dtype for tensor in network.spec.inputs.tensors] != ["uint8"]:
        raise UserError("int8 is for inputs of bytes, as pixels are", "others", "Take tflite")
    best = Quantiser(network, examples).best()
    Path(path).write_bytes(best.data)
    return {"recipe": best.recipe.name, "input": _input(path)}


def _input(path):
    """The type of a file's pixels; a UserError where uint8 does not mean 0..255."""
    (source,) = LiteRTRuntime(path).inputs
    if source["dtype"] == np.uint8 and source["quantization"] != (1.0, 0):
        raise UserError("the quantiser changed the scale of pixels", source["quantization"])
    return np.dtype(source["dtype"]).name


class Attempt(NamedTuple):
    """What one recipe gave.

    Attributes:
        recipe: a Recipe; data: the file (bytes), None where it cannot be made.
        agreement: share of the blends on which it agrees with the model.
        distance: mean difference of its predictions from the model's.
    """

    recipe: Recipe
    data: bytes | None = None
    agreement: float = 0.0
    distance: float = math.inf


class Quantiser:
    """Tries recipes on one network.

    Args:
        network: `export.common.network.Network`.
        sample: training examples, uint8 (m, s, s, 3).
    """

    def __init__(self, network, sample):
        self.network, self.sample = network, sample
        self.blends = blend(sample, BLENDS)
        names = network.task.output_names
        self._output_names = names if len(names) > 1 else None
        self.expected = network.runtime(self.blends)
        self._predicted = network.task.postprocess(self.expected)
        self._calibrated = {}  # by the number of examples; None where it failed

    def best(self):
        """The first Attempt that agrees enough, else the nearest to the model.

        What is enough (0.95) the task knows; beyond it mostly time is lost (benchmarks/int8.py).
        Activations of 16 bits make a file many times slower: it is the last resort.
        """
        nearest, highest = Attempt(None), 0.0
        for recipe in self.recipes():
            if recipe.activations == 16 and highest >= AGREE:
                continue
            attempt = self.attempt(recipe)
            highest = max(highest, attempt.agreement)
            nearest = min(nearest, attempt, key=lambda attempt: attempt.distance)
            if attempt.agreement >= self.network.task.alike_enough:
                return attempt
        if nearest.data is None:
            advice = "Take tflite-dynamic or tflite-float16"
            raise UserError(
                "this network cannot be quantised to int8", self.network.spec.base, advice
            )
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
            data = describe(self._quantise(recipe), self.network)
            data = add_files(data, self.network.spec)
            found = LiteRTRuntime(data, output_names=self._output_names)(self.blends)
        except (UserError, RuntimeError, ValueError, converter_error()) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            progress.say(f"int8, {recipe.name}: cannot be made ({reason})")
            return Attempt(recipe)
        task = self.network.task
        agreement = float(task.agreement(self._predicted, task.postprocess(found)).mean())
        apart = each(lambda own, other: np.abs(own - other).mean(), found, self.expected)
        distance = float(np.mean(as_tuple(apart)))
        progress.say(
            f"int8, {recipe.name}: {len(data) / 2**20:.1f} MiB, agrees with the model on "
            f"{agreement:.1%} of {len(self.blends)} blended training examples, {distance:.2g} apart"
        )
        return Attempt(recipe, data, agreement, distance)

    def _quantise(self, recipe):
        examples = self.sample[: recipe.calibrated]
        if recipe.activations == 16:

            def settings(tf, converter):
                set_int8(tf, converter, examples, recipe.activations)

            return convert_traced(
                self.network.traced_one_by_one, self.network.model.weights, settings
            )
        if recipe.calibrated not in self._calibrated:
            self._calibrated[recipe.calibrated] = None  # where it fails, it is not tried again
            network = Calibrated(
                self.network.traced_one_by_one, self.network.model.weights, examples
            )
            self._calibrated[recipe.calibrated] = network
        network = self._calibrated[recipe.calibrated]
        if network is None:
            raise UserError("the ranges of its activations cannot be measured")
        return network.quantise(recipe.float_layers)


def blend(examples, most):
    """At most so many means of one example and another: uint8 (n, s, s, 3)."""
    count = min(most, len(examples))
    others = examples[(np.arange(count) + 1 + len(examples) // 2) % len(examples)]
    means = (examples[:count].astype(np.float32) + others) / 2
    return np.round(means).astype(np.uint8)
