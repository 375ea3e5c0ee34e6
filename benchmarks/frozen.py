"""A head on the frozen base: the guide's loop of 20 epochs against ours, cold and warm.

python benchmarks/frozen.py --runs 5
"""

import dataclasses
import tempfile
from dataclasses import dataclass

import tyro
from measuring import IMAGES, in_process, keep, median, ratio


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Compare whole processes, one of each kind a run, one run a seed."""

    runs: int = 5
    set: str = "flowers5"
    epochs: int = 20
    batch: int = 32
    """Of the guide's loop."""


def main():
    asked = tyro.cli(Arguments)
    folder = IMAGES / asked.set
    plain, cold, warm = [], [], []
    for seed in range(asked.runs):
        plain.append(in_process("plain_guide.py", folder, asked.epochs, seed, asked.batch))
        with tempfile.TemporaryDirectory() as cache:
            cold.append(in_process("ours.py", folder, seed, cache=cache))
            warm.append(in_process("ours.py", folder, seed, cache=cache))

    def column(runs, name):
        return [run[name] for run in runs]

    gains = [
        a - b for a, b in zip(column(cold, "accuracy"), column(plain, "accuracy"), strict=True)
    ]
    keep(
        "frozen",
        {
            "asked": dataclasses.asdict(asked),
            "training part, plain / ours cold": ratio(
                column(plain, "training"), column(cold, "training")
            ),
            "whole process, plain / ours cold": ratio(
                column(plain, "process"), column(cold, "process")
            ),
            "whole process, plain / ours warm": ratio(
                column(plain, "process"), column(warm, "process")
            ),
            "accuracy, ours - plain": median(gains),
            "plain": plain,
            "cold": cold,
            "warm": warm,
        },
    )


if __name__ == "__main__":
    main()
