"""An int8 TFLite file: uint8 pixels in, weights and activations of 8 bits, float32 answers out.

The ranges of activations are measured on training pictures; weights have a scale a channel. Some
networks take it badly (MobileNet's depthwise weights: Sheng et al. 2018, arXiv:1803.08607). Then
more is tried, see RECIPES, and the log says what each gave.

How much a file loses is judged on blends of two training pictures. The pictures themselves are
known by heart: on them files agree with the model that do not on others. Half of one and half of
another is as doubtful as a new picture: of three networks the difference on blends told which
loses most on new pictures, and which recipe mends it.
"""

import csv
import io
import math
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import UserError
from keras_transfer.export.comparing import AGREE, task_of
from keras_transfer.export.metadata import add_metadata
from keras_transfer.export.names import ANSWERS
from keras_transfer.export.readers import TFLiteReader
from keras_transfer.export.saved_model import require_tensorflow
from keras_transfer.export.twin import float32_twin
from keras_transfer.features.engines import BATCH, keras_engine, run_batches
from keras_transfer.features.litert import convert_traced, converter_error, converter_for, trace
from keras_transfer.runtime import load_tensorflow, quiet_stderr

FEW = 200  # pictures to calibrate on; of more the ranges hardly change
BLENDS = 200  # blended pictures to judge by
ENOUGH = 0.94  # of the blends, or more is tried; settled with flowers5's val in view, see README
EXAMINED = 16  # pictures to measure how much each layer loses


class Recipe(NamedTuple):
    """One way to quantise.

    Attributes:
        name: for the log.
        calibrated: pictures to measure ranges on; None for all there are.
        spared: layers that stay in float, those that lose most.
        activations: their bits, 8 or 16.
    """

    name: str
    calibrated: int | None = FEW
    spared: int = 0
    activations: int = 8


RECIPES = (
    Recipe("a scale a channel"),
    Recipe("more pictures to calibrate on", None),
    Recipe("the 3 most sensitive layers in float", spared=3),
    Recipe("the 6 most sensitive layers in float", spared=6),
    Recipe("the 12 most sensitive layers in float", spared=12),
    Recipe("activations of 16 bits", activations=16),  # many times slower, so the last
)


def export_int8(model, path, about, sample=None):
    """Write `model` as an int8 TFLite file.

    As `export.tflite.export_tflite`, but for the input, uint8 (1, s, s, 3), or float32 where
    activations of 16 bits were needed.

    Args:
        sample: gives training pictures, uint8 (m, s, s, 3).

    Returns:
        dict: recipe, its name; input, the type of its pixels.

    Raises:
        UserError: as there; no training pictures; no recipe works.
    """
    require_tensorflow()
    pictures = sample() if sample else ()
    if not len(pictures):
        raise UserError("int8 needs training pictures to measure ranges on", "none")
    recipe, data = _Quantiser(float32_twin(model), about, pictures).best()
    Path(path).write_bytes(data)
    return {"recipe": recipe.name, "input": _input(path)}


def _input(path):
    """The type of a file's pixels; a UserError where uint8 does not mean 0..255."""
    source = TFLiteReader(path).source
    if source["dtype"] == np.uint8 and source["quantization"] != (1.0, 0):
        raise UserError("the quantiser changed the scale of pixels", source["quantization"])
    return np.dtype(source["dtype"]).name


class _Quantiser:
    """Tries recipes on one network."""

    def __init__(self, network, about, sample):
        self.network, self.about, self.sample = network, about, sample
        self.traced = trace(network, ANSWERS[about.task])
        self.task = task_of(about, network)
        self.blends = blend(sample, BLENDS)
        self.expected = run_batches(keras_engine(network, BATCH), self.blends)
        self._measured = None

    def best(self):
        """(recipe, file) of the first recipe that agrees ENOUGH, else of the nearest to the model.

        Activations of 16 bits make a file many times slower: it is the last resort.
        """
        best, nearest, highest, tried = None, math.inf, 0.0, set()
        for recipe in RECIPES:
            calibrated = min(recipe.calibrated or len(self.sample), len(self.sample))
            if (same := recipe._replace(name="", calibrated=calibrated)) in tried:
                continue  # there are no more pictures
            if recipe.activations == 16 and highest >= AGREE:
                continue
            tried.add(same)
            data, agreement, distance = self._try(recipe, calibrated)
            highest = max(highest, agreement)
            if distance < nearest:
                best, nearest = (recipe, data), distance
            if agreement >= ENOUGH:
                return recipe, data
        if best is None:
            advice = "Take tflite-dynamic or tflite-float16"
            raise UserError("this network cannot be quantised to int8", self.about.base, advice)
        return best

    def _try(self, recipe, calibrated):
        """(the file, the share of blends on which it agrees, its mean difference from the model);
        (None, 0, infinity) where it cannot be made."""
        try:
            data = add_metadata(self._quantise(recipe, self.sample[:calibrated]), self.about)
            found = _answers(data, self.blends)
        except (UserError, RuntimeError, ValueError, converter_error()) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            progress.say(f"int8, {recipe.name}: cannot be made ({reason})")
            return None, 0.0, math.inf
        agreement = float(self.task.agreement(self.expected, found).mean())
        distance = float(np.abs(found - self.expected).mean())
        progress.say(
            f"int8, {recipe.name}: {len(data) / 2**20:.1f} MiB, answers {agreement:.1%} of "
            f"{len(self.blends)} blended training pictures as the model does, {distance:.2g} apart"
        )
        return data, agreement, distance

    def _quantise(self, recipe, pictures):
        def settings(tf, converter):
            _set_int8(tf, converter, pictures, recipe.activations)

        if not recipe.spared:
            return convert_traced(self.traced, self.network.weights, settings)
        if self._measured is None:
            self._measured = self._measure(settings)
        calibrated, sensitive = self._measured
        from tensorflow.lite.python.convert import mlir_quantize

        with quiet_stderr():
            return mlir_quantize(
                calibrated,
                input_data_type=load_tensorflow().uint8,
                denylisted_nodes=sensitive[: recipe.spared],
            )

    def _measure(self, settings):
        """(the network with the ranges of its activations, its layers, most sensitive first)."""
        tf, examined = load_tensorflow(), self.sample[:EXAMINED]
        with quiet_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it still runs TensorFlow's own interpreter
            debugger = tf.lite.experimental.QuantizationDebugger(
                converter=converter_for(tf, self.traced, self.network.weights, settings),
                debug_dataset=lambda: ([one[None].astype(np.float32)] for one in examined),
            )
            debugger.run()
        return debugger.calibrated_model, _rank_layers(debugger)


def _set_int8(tf, converter, pictures, activations):
    kinds = tf.lite.OpsSet
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    # all of 0..255 is measured, whatever these pictures have of it: the file reads plain pixels
    whole = pictures[:1].copy()
    whole[0, 0, 0], whole[0, -1, -1] = 0, 255
    pictures = np.concatenate([whole, pictures])
    converter.representative_dataset = lambda: ([one[None].astype(np.float32)] for one in pictures)
    if activations == 16:
        wide = kinds.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [wide, kinds.TFLITE_BUILTINS]
        return
    converter.target_spec.supported_ops = [kinds.TFLITE_BUILTINS_INT8]
    converter.inference_input_type, converter.inference_output_type = tf.uint8, tf.float32


def _rank_layers(debugger):
    """Names of the layers' tensors, first the one whose error is largest beside its step."""
    text = io.StringIO()
    debugger.layer_statistics_dump(text)
    text.seek(0)
    rows = list(csv.DictReader(text))
    rows.sort(key=lambda row: -float(row["mean_squared_error"]) / float(row["scale"]) ** 2)
    return [row["tensor_name"] for row in rows]


def blend(pictures, most):
    """At most so many halves of one picture and another: uint8 (n, s, s, 3)."""
    count = min(most, len(pictures))
    others = pictures[(np.arange(count) + 1 + len(pictures) // 2) % len(pictures)]
    halves = (pictures[:count].astype(np.float32) + others) / 2
    return np.round(halves).astype(np.uint8)


def _answers(data, pixels):
    """Answers float32 (n, k) of a file (bytes)."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "model.tflite"
        file.write_bytes(data)
        return TFLiteReader(file).answers(pixels)
