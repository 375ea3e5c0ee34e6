"""What `choose` takes, beside the features of all its bases alone; whether it keeps a budget.

    python benchmarks/choosing_time.py --bases efficientnet_lite0 mobilenet=mobilenet.weights.h5 ...

Whole processes, imports included, each with a cache of its own that knows the sizes and times of
the bases' files already. `cold` has no features, `warm` has them all. What fine-tuning takes stands
in results/choosing.json (`seconds`).
"""

import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro
from choosing import HERE
from measuring import IMAGES, keep, median, ratio, timed


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Time choose against the features of its bases, run beside run."""

    bases: tuple[str, ...] = HERE
    """NAME, or NAME=PATH of its weights."""
    set: str = "flowers5"
    runs: int = 5
    minutes: float = 1.0
    """A time budget that a last run is held to."""


def main():
    if sys.argv[1:2] == ["side"]:
        return side(*sys.argv[2:])
    asked = tyro.cli(Arguments)
    found = {name: [] for name in ("features", "cold", "warm")}
    with tempfile.TemporaryDirectory() as known:
        run("choose", asked, known)
        for _ in range(asked.runs):
            for name, which in (("features", "features"), ("cold", "choose"), ("warm", "choose")):
                if name != "warm":
                    shutil.rmtree(Path(known) / "features", ignore_errors=True)
                found[name].append(run(which, asked, known))
    with tempfile.TemporaryDirectory() as empty:
        limited = run("choose", asked, empty, asked.minutes)
    cpu = {name: [one["cpu_seconds"] for one in own] for name, own in found.items()}
    shown = {**asdict(asked), "bases": [text.partition("=")[0] for text in asked.bases]}
    keep(
        "choosing_time",
        {
            "asked": shown,
            "CPU seconds": {name: median(own) for name, own in cpu.items()},
            "cold / features alone": ratio(cpu["cold"], cpu["features"]),
            "nothing known, held to a budget": {**limited, "budget": 60 * asked.minutes},
        },
    )
    return None


def run(which, asked, cache, minutes=10):
    """What a side took, with its answer."""
    arguments = [asked.set, minutes, *asked.bases]
    return timed("choosing_time.py", "side", which, *arguments, cache=cache)


def side(which, name, minutes, *bases):
    """One process: choose, or the features alone; prints what it found."""
    import keras_transfer as kt

    begun = time.monotonic()
    if which == "choose":
        found = kt.choose(IMAGES / name, bases, time_budget=float(minutes), quiet=True)
        told = {"recommended": found["recommended"]}
    else:
        told = {"features": [features(name, text) for text in bases]}
    print(json.dumps({**told, "seconds": time.monotonic() - begun}))


def features(name, text):
    """Compute the features of a base for all of train; returns how many numbers an example has."""
    import numpy as np

    from keras_transfer.choosing.candidates import find_candidates
    from keras_transfer.choosing.contender import contender, frozen_network
    from keras_transfer.choosing.sample import TrainingSample
    from keras_transfer.data.sources.specs import read_source
    from keras_transfer.features.store import open_store

    sample = TrainingSample(read_source(IMAGES / name), 0, 0.05)
    one = contender(find_candidates((text,))[0][0], sample, name, 0)
    dataset = sample.dataset(one.spec, sample.total)
    network = frozen_network(dataset, one.config)
    return open_store().features(network, dataset.examples, np.arange(sample.total)).shape[-1]


if __name__ == "__main__":
    main()
