"""Fine-tuning one stage: epochs from stored activations against epochs of the whole network.

    python benchmarks/stage.py

Both are our own loop, with the same seed and without augmentation; validation is part of an epoch.
Also whether both learn the same: the largest relative difference of their losses.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import tyro
from measuring import keep, median, ratio

from keras_transfer.backend import set_seed
from keras_transfer.bases.table import find_base
from keras_transfer.config import make_config
from keras_transfer.data.dataset import Holdout, make_dataset
from keras_transfer.data.examples import Examples
from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.features.store import FeatureStore
from keras_transfer.inputs import find_modality
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_model
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies.common.gradient import Schedule, train_by_gradient
from keras_transfer.strategies.common.inputs import StoredInputs
from keras_transfer.tasks import make_task

STAGES = {"vgg16": "block5", "resnet50": "conv5", "efficientnet_lite0": "block7"}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Measure epochs 2 to --epochs of each base."""

    bases: tuple[str, ...] = tuple(STAGES)
    images: int = 64
    epochs: int = 10
    runs: int = 5


def main():
    asked = tyro.cli(Arguments)
    keep("stage", {f"{base} {STAGES[base]}": measure(base, asked) for base in asked.bases})


def measure(base, asked):
    uncut, from_store, differences = [], [], []
    for _ in range(asked.runs):
        slow, fast = (train(base, asked, stored) for stored in (False, True))
        uncut.append(taken(slow))
        from_store.append(taken(fast))
        losses = [np.array([row["loss"] for row in history]) for history in (slow, fast)]
        differences.append(float(np.abs(losses[0] / losses[1] - 1).max()))
    return {
        "epochs 2 on, uncut / stored": ratio(uncut, from_store),
        "seconds uncut": median(uncut),
        "seconds stored": median(from_store),
        "losses, largest relative difference": median(differences),
    }


def taken(history):
    return history[-1]["seconds"] - history[0]["seconds"]


def train(base, asked, stored):
    config = make_config(base=base, weights="none", strategy="fine_tuning")
    set_seed(0)
    model = build_model(base, "classification", 4, weights="none")
    dataset = drawn(asked.images, model.input_shape[1])
    set_trainable(model, STAGES[base])
    fit, select, _ = dataset.holdout
    if stored:
        prefix, network = cut(model)
        every = np.arange(len(dataset.examples))
        fetch = StoredInputs(prefix, dataset, FeatureStore(), every)
    else:
        network, fetch = model, RawInputs(dataset.examples, [None])
    plan, label = Schedule(asked.epochs, 1e-4), "stored" if stored else "uncut"
    return train_by_gradient(network, fetch, dataset, fit, select, config, plan, label)[0]


def drawn(count, size):
    """Examples of noise in four classes: three quarters train, a quarter val."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 255, (count, size, size, 3), dtype=np.uint8)
    numbers = np.arange(count)
    table = pd.DataFrame(
        {
            "path": [str(n) for n in numbers],
            "shown": [str(n) for n in numbers],
            "label": [f"class {n % 4}" for n in numbers],
            "split": np.where(numbers % 16 < 12, "train", "val"),
            "group": "",
            "sha256": [f"{n:064x}" for n in numbers],
        }
    )
    labels = list(table["label"])
    task = make_task("classification", labels, (table["split"] == "train").to_numpy())
    spec = find_modality("image").spec(find_base("vgg16"), make_config(image_size=size))
    examples = Examples(table, spec, table[:0], kept=pixels)
    train, val = (np.flatnonzero(table["split"] == split) for split in ("train", "val"))
    return make_dataset(examples, task, Holdout(train, val, "val"))


if __name__ == "__main__":
    main()
