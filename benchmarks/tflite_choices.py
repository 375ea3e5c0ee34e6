"""What three choices in TFLite files bring, on images of `train` held out (see `int8.py`).

    python benchmarks/tflite_choices.py --weights mobilenet=FILE mobilenet_v2_0.35=FILE

Pixels scaled by one number against one a channel; depthwise kernels and biases of float16 kept in
float32 against the converter's float16; 24 layers of int8 in float against none. Times in turn,
with one thread.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from int8 import BASES, BUNDLED, held_out
from measuring import IMAGES, evaluation_set_of, in_turn, keep

import keras_transfer as kt
from keras_transfer.backend import load_keras
from keras_transfer.export.tflite.calibration import Calibrated
from keras_transfer.export.tflite.float16_weights import to_float16_weights
from keras_transfer.runtimes.conversion import convert_traced, trace
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.runtimes.litert import LiteRTRuntime


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Fit a head a base on three fifths of the train of a set, and compare files."""

    set: str = "flowers5"
    bases: tuple[str, ...] = BASES
    weights: tuple[str, ...] = ()
    """BASE=FILE of ImageNet weights."""


def main():
    asked = tyro.cli(Arguments)
    files = dict(pair.split("=", 1) for pair in asked.weights)
    found = {}
    with tempfile.TemporaryDirectory() as place:
        held_out(IMAGES / asked.set, Path(place) / "images")
        for base in asked.bases:
            weights = files.get(base) or ("auto" if base in BUNDLED else "none")
            settings = {"base": base, "weights": weights, "export": False, "quiet": True}
            run = kt.transfer(f"{place}/images", out=f"{place}/{base}", **settings)
            found[base] = measure(run)
    keep("tflite_choices", {"set": asked.set, "bases": found})


def measure(run):
    evaluation_set = evaluation_set_of(run)
    model, sample = run.model, evaluation_set.sample()
    files = {}
    for name, network in {"one number": model, "a number a channel": by_channels(model)}.items():
        traced = trace(network, "probabilities")
        calibrated = Calibrated(traced, network.weights, sample)
        files[f"float32, {name}"] = convert_traced(traced, network.weights)
        files[f"int8, {name}"] = calibrated.quantise()
        if network is model:
            files["int8, 24 layers in float"] = calibrated.quantise(24)
            files["float16"] = to_float16_weights(files[f"float32, {name}"])
            files["float16 of the converter"] = convert_traced(traced, network.weights, _float16)
    expected = KerasRuntime(model)(evaluation_set.inputs)
    milliseconds = in_turn(files)
    return {
        name: {
            "ms": milliseconds[name],
            "MiB": len(data) / 2**20,
            "distance": float(np.abs(LiteRTRuntime(data)(evaluation_set.inputs) - expected).mean()),
        }
        for name, data in files.items()
    }


def by_channels(model):
    """The same network, its pixels scaled by a list of three equal numbers."""
    keras = load_keras()
    scale = model.get_layer("scale")
    pixels = keras.Input(model.input_shape[1:], name="pixels")
    listed = keras.layers.Rescaling([scale.scale] * 3, [scale.offset] * 3)(pixels)
    return keras.Model(pixels, keras.Model(scale.output, model.output)(listed))


def _float16(tf, converter):
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


if __name__ == "__main__":
    main()
