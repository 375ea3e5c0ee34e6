"""Scores of the defaults on real sets of images, one run a set, strategy and seed.

    python benchmarks/real_sets.py --strategies feature_extraction fine_tuning --seeds 0 1 2

Sets are folders under KERAS_TRANSFER_DATA (else ../shared/data). Finished runs in --out are kept,
so an interrupted benchmark goes on where it was. Prints a Markdown table; a cell is the mean over
seeds, and in brackets the lowest and highest where there are several.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import tyro

import keras_transfer as kt
from keras_transfer.environment import machine, versions
from keras_transfer.run.folder import Run

ROOT = Path(__file__).resolve().parent.parent
SETS = {  # set: (its headline score, the splits that are scored)
    "flowers5": ("accuracy", ("val",)),
    "hymenoptera": ("accuracy", ("val",)),
    "trashnet": ("accuracy", ("val",)),
    "chest_xray": ("accuracy", ("val", "test")),
    "scenes_multilabel": ("macro_average_precision", ("val",)),
    "cells": ("r2", ("val",)),
    "demo": ("accuracy", ("val",)),
}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Train on each set with the defaults and print the scores."""

    sets: tuple[str, ...] = tuple(SETS)
    strategies: tuple[str, ...] = ("feature_extraction",)
    seeds: tuple[int, ...] = (0,)
    base: str = "efficientnet_lite0"
    weights: str = "auto"
    out: Path = Path("saved_models/real_sets")


def main():
    asked = tyro.cli(Arguments)
    rows = []
    for name in asked.sets:
        for strategy in asked.strategies:
            runs = [train(asked, name, strategy, seed) for seed in asked.seeds]
            rows += [row(name, strategy, split, runs) for split in SETS[name][1]]
            print(rows[-1], flush=True)
    print(f"\n{machine()}; {versions()}\n")
    print("| set | split | score | strategy | value | seconds a run |\n|---|---|---|---|---|---|")
    print("\n".join(rows))


def train(asked, name, strategy, seed):
    """The run of one set, strategy and seed; a finished one is read, not repeated."""
    folder = asked.out / f"{name}-{asked.base}-{strategy}-{seed}"
    if (folder / "metrics.json").exists():
        return Run.open(folder)
    place = Path(os.environ.get("KERAS_TRANSFER_DATA", ROOT.parent / "shared" / "data"))
    return kt.transfer(
        name if name == "demo" else place / name,
        base=asked.base,
        weights=asked.weights,
        strategy=strategy,
        seed=seed,
        export=False,
        out=folder,
        quiet=True,
    )


def row(name, strategy, split, runs):
    score = SETS[name][0]
    values = [run.metrics["splits"][split][score]["value"] for run in runs]
    seconds = [run.metrics["seconds"]["total"] for run in runs]
    mean = f"{sum(values) / len(values):.3f}"
    spread = f" ({min(values):.3f} .. {max(values):.3f})" if len(values) > 1 else ""
    return f"| {name} | {split} | {score} | {strategy} | {mean}{spread} | {max(seconds):.0f} |"


if __name__ == "__main__":
    main()
