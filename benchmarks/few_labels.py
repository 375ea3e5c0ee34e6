"""What to take for few labels: strategies at 1 to 20 images a class, on sets of real photographs.

    python benchmarks/few_labels.py

The images are drawn from train (another draw a seed) and scored on val, which selects nothing.
Finished results are kept in results/few_labels.json, so an interrupted benchmark goes on where it
was; delete the file to begin anew. Prints a Markdown table: mean accuracy over the draws, its 95 %
interval (Student's t over the draws), and CPU seconds of a run, reading and scoring included and
imports not, with nothing stored before.
"""

import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tyro
from measuring import IMAGES, half_interval, keep, kept

STRATEGIES = {  # strategy: labels a class that it is tried with
    "few_shot": (1, 2, 5, 10, 20),
    "feature_extraction": (2, 5, 10, 20),  # of one it cannot cross-validate
    "fine_tuning": (5, 20),
}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Train each strategy on few images of each class, and print a table."""

    sets: tuple[str, ...] = ("flowers5", "trashnet", "hymenoptera")
    strategies: tuple[str, ...] = tuple(STRATEGIES)
    draws: tuple[int, ...] = (0, 1, 2)
    results: str = "few_labels"
    """The file under benchmarks/results, without its ending."""


def main():
    asked = tyro.cli(Arguments)
    found = {"asked": asdict(asked), "runs": kept(asked.results).get("runs", [])}
    for strategy in asked.strategies:
        for name in asked.sets:
            for labels in STRATEGIES[strategy]:
                for draw in asked.draws:
                    key = {"strategy": strategy, "set": name, "labels": labels, "draw": draw}
                    if not any(key.items() <= run.items() for run in found["runs"]):
                        found["runs"].append({**key, **run_once(**key)})
                        keep(asked.results, found, show=False)
    print(table(found["runs"], asked))
    mean, most = losses_of_auto(found["runs"])
    print(f"\n--strategy auto: {mean:.2f} points below the best of each cell, {most:.2f} at most")


def run_once(strategy, set, labels, draw):
    """Accuracy on val, and CPU seconds, of one run."""
    import keras_transfer as kt

    frame = few_images(IMAGES / set, labels, draw)
    knobs = {"cache_features": False, "export": False, "report": False, "quiet": True}
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        run = kt.transfer(frame, strategy=strategy, seed=draw, out=Path(folder) / "run", **knobs)
        seconds = time.process_time() - begun
        accuracy = run.metrics["splits"]["test"]["accuracy"]["value"]
    return {"accuracy": accuracy, "cpu_seconds": seconds}


def few_images(folder, labels, draw):
    """A table: so many drawn images of each class of train, and val as `test`."""
    import pandas as pd

    rows = []
    for place in sorted((folder / "train").iterdir()):
        files = sorted(place.iterdir())
        drawn = np.random.default_rng([draw, len(rows)]).permutation(len(files))[:labels]
        rows += [(str(files[i]), place.name, "train") for i in drawn]
    for place in sorted((folder / "val").iterdir()):
        rows += [(str(file), place.name, "test") for file in sorted(place.iterdir())]
    return pd.DataFrame(rows, columns=["file_name", "label", "split"])


def table(runs, asked):
    """A row a set and strategy, a column for each number of labels."""
    columns = sorted({n for strategy in asked.strategies for n in STRATEGIES[strategy]})
    lines = [
        "| set | strategy | " + " | ".join(f"{n} a class" for n in columns) + " | CPU s |",
        "|---" * (len(columns) + 3) + "|",
    ]
    for name in asked.sets:
        for strategy in asked.strategies:
            own = [r for r in runs if r["set"] == name and r["strategy"] == strategy]
            cells = [cell([r["accuracy"] for r in own if r["labels"] == n]) for n in columns]
            seconds = statistics.median(r["cpu_seconds"] for r in own)
            lines.append(f"| {name} | `{strategy}` | {' | '.join(cells)} | {seconds:.0f} |")
    return "\n".join(lines)


def losses_of_auto(runs):
    """(mean, largest): points by which the strategy that auto takes is below a cell's best."""
    from keras_transfer.strategies.common.recipes import LabelFacts, strategies_for

    losses = []
    for name, labels in {(run["set"], run["labels"]): None for run in runs}:
        means = {}
        for strategy in STRATEGIES:
            own = [run for run in runs if (run["set"], run["labels"]) == (name, labels)]
            own = [run["accuracy"] for run in own if run["strategy"] == strategy]
            means |= {strategy: statistics.fmean(own)} if own else {}
        taken = strategies_for(LabelFacts(labels, labels, True))[0]
        losses.append(100 * (max(means.values()) - means[next(n for n in taken if n in means)]))
    return statistics.fmean(losses), max(losses)


def cell(values):
    """The mean of some draws, and its 95 % interval."""
    if not values:
        return ""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:.3f}"
    half = half_interval(values)
    return f"{mean:.3f} ({mean - half:.3f} .. {min(1.0, mean + half):.3f})"


if __name__ == "__main__":
    main()
