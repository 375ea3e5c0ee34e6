"""Batch normalisation in one operation against Keras's own: predictions, and steps of training.

    python benchmarks/fused_norms.py

Both sides run the same code in turn, one of them with `fused_norms` taken out. Random weights:
they do not change the speed.
"""

import contextlib
import os
import tempfile
import time
from dataclasses import dataclass
from unittest import mock

import numpy as np
import tyro
from dense import SETS
from dense_store import Arguments as Epochs
from dense_store import prepared, train
from measuring import keep, median, ratio

from keras_transfer.model.factory import build_model
from keras_transfer.runtimes import keras as runtime
from keras_transfer.strategies.common import gradient

BASES = ("efficientnet_lite0", "mobilenet_v2", "mobilenet_v3_large", "densenet121", "resnet50")
BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Measure predictions of bases, and training of heads on stored maps."""

    bases: tuple[str, ...] = BASES
    sets: tuple[str, ...] = tuple(SETS)
    epochs: int = 4
    runs: int = 5


def main():
    asked = tyro.cli(Arguments)
    found = {f"predictions, {base}": predictions(base, asked) for base in asked.bases}
    with (
        tempfile.TemporaryDirectory() as store,
        mock.patch.dict(os.environ, KERAS_TRANSFER_CACHE=store),
    ):
        found |= {f"steps of the head, {name}": steps(name, asked) for name in asked.sets}
    keep("fused_norms", found)


def as_keras_has_it(module):
    return mock.patch.object(module, "fused_norms", contextlib.nullcontext)


def predictions(base, asked):
    model = build_model(base, weights="none")
    pixels = np.random.default_rng(0).uniform(0, 255, (BATCH, *model.input_shape[1:]))
    fused, plain = runtime.KerasRuntime(model), runtime.KerasRuntime(model)
    with as_keras_has_it(runtime):
        plain(pixels)
    fused(pixels)
    seconds = {plain: [], fused: []}
    for _ in range(asked.runs):
        for one, own in seconds.items():
            begun = time.perf_counter()
            one(pixels)
            own.append(time.perf_counter() - begun)
    return compared(seconds[plain], seconds[fused])


def steps(name, asked):
    """Epochs 2 on of a head on stored maps, the loss and the optimizer with it."""
    epochs = Epochs(epochs=asked.epochs)
    dataset, config = prepared(name)
    plain, fused = [], []
    for _ in range(asked.runs):
        with as_keras_has_it(gradient):
            plain.append(train(dataset, config, epochs, stored=True)[0])
        fused.append(train(dataset, config, epochs, stored=True)[0])
    return compared(plain, fused)


def compared(plain, fused):
    return {
        "Keras's own / in one operation": ratio(plain, fused),
        "seconds, Keras's own": median(plain),
        "seconds, in one operation": median(fused),
    }


if __name__ == "__main__":
    main()
