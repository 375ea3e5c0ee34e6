"""Detection and segmentation on real sets: scores and CPU seconds.

    python benchmarks/dense.py --sets bccd_voc camvid --seeds 0 1 2

Each run trains on the official train split, val selects, and is a process of its own with an empty
store. `--split test` measures the official test split: seldom, and never to choose something.
Finished runs are kept in results/dense.json, so an interrupted benchmark goes on where it was.
"""

import dataclasses
import statistics
import tempfile
from dataclasses import dataclass
from typing import Literal

import tyro
from measuring import keep, kept, timed

SETS = {  # name: (settings, scores, the first leads)
    "bccd_voc": ({"image_size": 384, "image_width": 512}, ("map50", "map")),
    "camvid": (
        {"task": "segmentation", "ignore": 11, "image_size": 360, "image_width": 480},
        ("miou", "boundary_f1"),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Train on each set with each strategy and seed, and print a Markdown table."""

    sets: tuple[str, ...] = tuple(SETS)
    strategies: tuple[str, ...] = ("feature_extraction", "fine_tuning")
    seeds: tuple[int, ...] = (0, 1, 2)
    split: Literal["val", "test"] = "val"
    """Whose scores are kept."""
    folder: str | None = None
    """Where the runs are kept, for `dense_files.py`; by default they are not."""
    results: str = "dense"
    """The file under benchmarks/results, without its ending."""


def main():
    asked = tyro.cli(Arguments)
    found = kept(asked.results).get("found", {})
    with tempfile.TemporaryDirectory() as place:
        measure(asked, found, asked.folder or place)
    print(table(asked, found))


def measure(asked, found, folder):
    """Put what is missing into `found`, and keep it."""
    for seed in asked.seeds:
        for name in asked.sets:
            for strategy in asked.strategies:
                key = f"{asked.split} {name} {strategy} {seed}"
                if key not in found:
                    place = f"{folder}/{name}-{strategy}-{seed}"
                    found[key] = timed("dense_run.py", name, strategy, seed, asked.split, place)
                    known = {**dataclasses.asdict(asked), "folder": None}  # it is of one machine
                    content = {"asked": known, "found": found}
                    keep(asked.results, content, show=False)


def table(asked, found):
    """A row for each set and strategy: means over the seeds, with the smallest and largest."""
    lines = ["| set | strategy | score | CPU seconds |", "|---|---|---|---|"]
    for name in asked.sets:
        for strategy in asked.strategies:
            keys = [f"{asked.split} {name} {strategy} {seed}" for seed in asked.seeds]
            rows = [found[key] for key in keys]
            texts = []
            for score in SETS[name][1]:
                values = [row["scores"][asked.split][score]["value"] for row in rows]
                ends = f"{min(values):.3f} .. {max(values):.3f}"
                texts.append(f"{score} {statistics.mean(values):.3f} ({ends})")
            seconds = statistics.mean(row["cpu_seconds"] for row in rows)
            lines.append(f"| {name} | {strategy} | {', '.join(texts)} | {seconds:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
