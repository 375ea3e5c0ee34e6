"""What the temperature and the threshold of `unsure` are worth on val, for each set and strategy.

    python benchmarks/reliability.py --strategies feature_extraction fine_tuning --seeds 0 1 2

Finished runs in --out are kept. Of each: log loss and debiased expected calibration error with and
without the temperature, accuracy, and the error and coverage at the threshold, all on val;
everything was settled inside train.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from measuring import IMAGES, keep

import keras_transfer as kt
from keras_transfer.evaluate.calibration import debiased_calibration_error
from keras_transfer.run.folder import Run


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Train on each set, and measure on val."""

    sets: tuple[str, ...] = ("flowers5", "trashnet", "chest_xray")
    strategies: tuple[str, ...] = ("feature_extraction",)
    seeds: tuple[int, ...] = (0, 1, 2)
    error_rate: float = 0.05
    out: Path = Path("saved_models/reliability")


def main():
    asked = tyro.cli(Arguments)
    rows = []
    for strategy in asked.strategies:
        for name in asked.sets:
            for seed in asked.seeds:
                rows.append(measure(train(asked, name, strategy, seed), name, strategy, seed))
                print(rows[-1], flush=True)
    keep("reliability", {"error_rate": asked.error_rate, "runs": rows})


def train(asked, name, strategy, seed):
    """The run of one set, strategy and seed; a finished one is read, not repeated."""
    folder = asked.out / f"{name}-{strategy}-{seed}"
    if (folder / "metrics.json").exists():
        return Run.open(folder)
    settings = {"strategy": strategy, "seed": seed, "error_rate": asked.error_rate}
    quick = {"export": False, "report": False, "quiet": True}
    return kt.transfer(IMAGES / name, out=folder, **settings, **quick)


def measure(run, name, strategy, seed):
    """One row of figures."""
    scores, record, task = run.metrics["splits"]["val"], run.reliability, run.predictor.task
    table = run.predictions
    table = table[table["split"] == "val"]
    predictions = table[[f"p_{output}" for output in task.outputs]].to_numpy()
    targets = task.encode(list(table["label"]))
    without = task.tempered(predictions, 1 / record["temperature"])
    unsure = scores["unsure"]
    return {
        "set": name,
        "strategy": strategy,
        "seed": seed,
        "accuracy": scores["accuracy"]["value"],
        "temperature": record["temperature"],
        "log loss": float(task.log_losses(targets, predictions).mean()),
        "log loss without": float(task.log_losses(targets, without).mean()),
        "debiased calibration error": debiased(task, targets, predictions),
        "debiased calibration error without": debiased(task, targets, without),
        "error at the threshold": unsure["error"],
        "coverage": unsure["coverage"]["value"],
    }


def debiased(task, targets, predictions):
    right = 1.0 - task.wrong(targets, predictions)
    return float(debiased_calibration_error(np.asarray(task.confidence(predictions)), right))


if __name__ == "__main__":
    main()
