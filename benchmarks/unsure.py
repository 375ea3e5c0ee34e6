"""How the confidence below which a prediction is unsure is best chosen, inside train.

    python benchmarks/unsure.py

Out-of-fold predictions of the default head are divided at random, again and again: a threshold is
chosen on one part and measured on the other. Of each way: the error rate there, and the spread of
its coverage from draw to draw.
"""

import functools
from dataclasses import dataclass

import numpy as np
import tyro
from measuring import IMAGES, keep

from keras_transfer.config import make_config
from keras_transfer.data.dataset import read_dataset
from keras_transfer.data.sources.specs import read_source
from keras_transfer.evaluate.unsure import choose_threshold, is_unsure
from keras_transfer.features.store import open_store
from keras_transfer.inputs.common.arrays import take
from keras_transfer.model.factory import build_for
from keras_transfer.strategies import find_strategy
from keras_transfer.train import check


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Compare counting errors with fitted curves."""

    sets: tuple[str, ...] = ("flowers5", "trashnet", "hymenoptera", "chest_xray")
    error_rates: tuple[float, ...] = (0.02, 0.05)
    seeds: tuple[int, ...] = (0, 1, 2)
    draws: int = 60
    """A seed."""


def main():
    asked, figures = tyro.cli(Arguments), {}
    for name in asked.sets:
        known = [unseen(name, seed) for seed in asked.seeds]
        for rate in asked.error_rates:
            for way, choose in WAYS.items():
                found = [
                    draw(*sample, choose, rate, number)
                    for sample in known
                    for number in range(asked.draws)
                ]
                error, coverage = np.array(found).T
                figures[f"{name}, {rate:g}, {way}"] = {
                    "error": float(error.mean()),
                    "coverage": float(coverage.mean()),
                    "spread of coverage": float(coverage.std()),
                }
    keep("unsure", figures)


def unseen(name, seed):
    """(confidence, wrong) of the out-of-fold predictions for a set's train."""
    config = make_config(data=str(IMAGES / name), seed=seed)
    dataset = read_dataset(read_source(config.data, "auto", "image"), check(config), config)
    model = build_for(dataset, config)
    found = find_strategy(config.strategy).fit(model, dataset, open_store(), config).unseen
    targets = take(dataset.targets, found.indices)
    task = dataset.task
    return task.confidence(found.predictions), task.wrong(targets, found.predictions)


def draw(confidence, wrong, choose, rate, number):
    """(error rate, coverage) on one part of a threshold chosen on the other."""
    order = np.random.default_rng(number).permutation(len(wrong))
    one, other = np.array_split(order, 2)
    sure = ~is_unsure(confidence[other], choose(confidence[one], wrong[one], rate))
    return (wrong[other] & sure).sum() / max(1, sure.sum()), sure.mean()


def by_counting(confidence, wrong, error_rate):
    """The lowest confidence at which the errors counted so far are few enough."""
    order = np.argsort(-confidence, kind="stable")
    errors = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    few = np.flatnonzero(errors <= error_rate)
    return confidence[order][few[-1]] if len(few) else None


WAYS = {
    "a curve of errors and what confidences promise": choose_threshold,
    "a curve of errors": functools.partial(choose_threshold, promised=0.0),
    "counting errors": by_counting,
}


if __name__ == "__main__":
    main()
