"""A head on a frozen pyramid: epochs from stored maps against epochs that run the base.

    python benchmarks/dense_store.py

Both are our own loop with the same seed and views, on the train split of real sets: epochs 2 to
--epochs of one training, once the maps of all views are stored. What storing them costs is in a
column of its own.
"""

import os
import tempfile
import time
from dataclasses import asdict, dataclass
from unittest import mock

import numpy as np
import tyro
from dense import SETS
from measuring import IMAGES, keep, kept, median, ratio

from keras_transfer.backend import set_seed
from keras_transfer.config import make_config
from keras_transfer.data.dataset import read_dataset
from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.data.sources.specs import read_source
from keras_transfer.features.store import open_store
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_for
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies.common.gradient import Schedule, train_by_gradient
from keras_transfer.strategies.common.inputs import StoredInputs, views_of
from keras_transfer.train import check

NOBODY = np.array([], np.int64)
VIEWS = 8


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Measure epochs 2 to --epochs on each set."""

    sets: tuple[str, ...] = tuple(SETS)
    epochs: int = 10
    images: int = 96
    """Of the train split, the first so many."""
    runs: int = 5


def main():
    asked = tyro.cli(Arguments)
    found = kept("dense_store").get("found", {})
    for name in asked.sets:
        found[name] = measure(name, asked)
        keep("dense_store", {"asked": asdict(asked), "found": found})


def prepared(name):
    """(dataset, config) of one of the sets."""
    config = make_config(data=str(IMAGES / name), augment="light", batch_size=8, **SETS[name][0])
    source = read_source(config.data, config.task, config.modality)
    return read_dataset(source, check(config), config), config


def measure(name, asked):
    dataset, config = prepared(name)
    running, stored, storing = [], [], []
    for _ in range(asked.runs):
        running.append(train(dataset, config, asked, stored=False)[0])
        with (
            tempfile.TemporaryDirectory() as fresh,
            mock.patch.dict(os.environ, KERAS_TRANSFER_CACHE=fresh),
        ):
            seconds, extracted = train(dataset, config, asked, stored=True)
        stored.append(seconds)
        storing.append(extracted)
    return {
        "epochs 2 on, base run / stored": ratio(running, stored),
        "seconds, base run": median(running),
        "seconds, stored": median(stored),
        "seconds to store": median(storing),
    }


def train(dataset, config, asked, stored):
    """(seconds of epochs 2 on, seconds that storing took)."""
    set_seed(0)
    model, views = build_for(dataset, config), views_of("light", config, VIEWS, dataset.task.turned)
    set_trainable(model, "none")
    fit, begun = dataset.indices("train")[: asked.images], time.monotonic()
    if stored:
        prefix, network = cut(model)
        fetch = StoredInputs(prefix, dataset, open_store(), fit, views, fit)
    else:
        network, fetch = model, RawInputs(dataset.examples, views)
    extracted, plan = time.monotonic() - begun, Schedule(asked.epochs, 1e-4, batch_size=8)
    history, _ = train_by_gradient(network, fetch, dataset, fit, NOBODY, config, plan, "training")
    return history[-1]["seconds"] - history[0]["seconds"], extracted


if __name__ == "__main__":
    main()
