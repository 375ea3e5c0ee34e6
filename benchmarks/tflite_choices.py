"""What three choices in TFLite files bring, on pictures of `train` put aside (see `int8.py`).

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
from int8 import BASES, BUNDLED, put_aside
from measuring import PICTURES, in_turn, keep

import keras_transfer as kt
from keras_transfer.export.calibrated import Calibrated
from keras_transfer.export.evidence import gather_evidence
from keras_transfer.export.halves import halve
from keras_transfer.export.tflite_int8 import answers_of
from keras_transfer.features.engines import BATCH, keras_engine, run_batches
from keras_transfer.features.litert import convert_traced, trace
from keras_transfer.reading import read_again
from keras_transfer.runtime import load_keras


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
        put_aside(PICTURES / asked.set, Path(place) / "pictures")
        for base in asked.bases:
            weights = files.get(base) or ("auto" if base in BUNDLED else "none")
            settings = {"base": base, "weights": weights, "export": False, "quiet": True}
            run = kt.transfer(f"{place}/pictures", out=f"{place}/{base}", **settings)
            found[base] = measure(run)
    keep("tflite_choices", {"set": asked.set, "bases": found})


def measure(run):
    evidence = gather_evidence(read_again(run.config, run.info["data"]), run.config)
    model, sample = run.model, evidence.sample()
    files = {}
    for name, network in {"one number": model, "a number a channel": by_channels(model)}.items():
        traced = trace(network, "probabilities")
        calibrated = Calibrated(traced, network.weights, sample)
        files[f"float32, {name}"] = convert_traced(traced, network.weights)
        files[f"int8, {name}"] = calibrated.quantise()
        if network is model:
            files["int8, 24 layers in float"] = calibrated.quantise(24)
            files["float16"] = halve(files[f"float32, {name}"])
            files["float16 of the converter"] = convert_traced(traced, network.weights, _float16)
    expected = run_batches(keras_engine(model, BATCH), evidence.pixels)
    milliseconds = in_turn(files)
    return {
        name: {
            "ms": milliseconds[name],
            "MiB": len(data) / 2**20,
            "distance": float(np.abs(answers_of(data, evidence.pixels) - expected).mean()),
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
