"""Fine-tuning by three ways on three sets: ours, the Keras guide's recipe, a loop with timm.

    python benchmarks/fine_tuning.py --torch-python DIR/bin/python

Of each set and seed all sides run in turn, each in a process of its own with the same cores, from
the same ImageNet weights of EfficientNet-Lite0. `timm_tuning.py` tells how to make DIR, and why it
trains as it does; without it that side is skipped. No side selects anything on `val`: the scores
are those of the last weights, ours of what the strategy selected inside train. Finished results
are kept in results/NAME.json, so an interrupted benchmark goes on where it was; delete the file to
begin anew, after a change of the defaults too. About three hours of CPU time in all.
"""

import dataclasses
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from measuring import IMAGES, in_process, keep, kept, ratio, timed

from keras_transfer.evaluate.intervals import NORMAL_95, effective_wilson
from keras_transfer.evaluate.paired import compare_pairs

HEADING = (
    "| set | side | accuracy, mean over seeds | its 95 % interval | less ours (95 %) "
    "| CPU seconds | CPU, ratio to ours |\n|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Train each side on each set with each seed, and print a Markdown table."""

    sets: tuple[str, ...] = ("flowers5", "trashnet", "hymenoptera")
    """Folders under KERAS_TRANSFER_DATA, or whole paths, with train/CLASS and val/CLASS."""
    seeds: tuple[int, ...] = (0, 1, 2)
    torch_python: Path | None = None
    """The Python of an environment with torch and timm (see timm_tuning.py)."""
    results: str = "fine_tuning"
    """The file under benchmarks/results, without its ending."""


def main():
    asked = tyro.cli(Arguments)
    needed = [IMAGES / name / "val" for name in asked.sets]
    missing = [path for path in (*needed, asked.torch_python) if path and not path.exists()]
    if missing:
        raise SystemExit(f"{missing[0]} does not exist")
    commands = {"ours": ("ours_tuning.py",), "Keras guide": ("guide_tuning.py",)}
    settings = {side: {} for side in commands}
    found = {"runs": kept(asked.results).get("runs", [])}
    if asked.torch_python is None:
        print("timm is skipped: name the Python of its environment with --torch-python")
    else:
        weights, found["largest difference of features"] = same_features(asked)
        commands["timm"] = ("timm_tuning.py", "train", weights)
        settings["timm"] = {"python": asked.torch_python}
    found["asked"] = {**dataclasses.asdict(asked), "torch_python": asked.torch_python is not None}
    for name in asked.sets:
        for seed in asked.seeds:
            for side, command in commands.items():
                if not find(found["runs"], name, side, [seed]):
                    result = timed(*command, IMAGES / name, seed, **settings[side])
                    found["runs"].append(row(IMAGES / name, side, seed, result))
                    keep(asked.results, found, show=False)
    print(HEADING)
    for name in asked.sets:
        for side in commands:
            print(line(found["runs"], name, side, asked.seeds))


def same_features(asked):
    """(the file of weights, how far timm's pooled features of real images are from ours).

    Another network would be no comparison: `timm_tuning.py` stops where they differ.
    """
    with tempfile.TemporaryDirectory() as place:
        file = f"{place}/features.npz"
        weights = in_process("pooled_features.py", IMAGES / asked.sets[0], file)["weights"]
        python = asked.torch_python
        checked = in_process("timm_tuning.py", "check", weights, file, python=python)
    return weights, checked["difference"]


def row(folder, side, seed, result):
    """What is kept of a run; `right` has a 0 or 1 for each file of val, by name."""
    val = sorted(f"{path.parent.name}/{path.name}" for path in (folder / "val").glob("*/*"))
    right = result.pop("right")
    if sorted(right) != val:
        raise SystemExit(f"{side} predicted {len(right)} of the {len(val)} files in {folder}/val")
    marks = "".join(str(right[name]) for name in val)
    return {"set": folder.name, "side": side, "seed": seed, **result, "right": marks}


def find(runs, name, side, seeds):
    """The runs of one side on one set, in the order of seeds."""
    wanted = [(Path(name).name, side, seed) for seed in seeds]
    by_key = {(run["set"], run["side"], run["seed"]): run for run in runs}
    return [by_key[key] for key in wanted if key in by_key]


def line(runs, name, side, seeds):
    """One row of the table."""
    own, ours = find(runs, name, side, seeds), find(runs, name, "ours", seeds)
    accuracies = [run["accuracy"] for run in own]
    right = mean_right(own)
    low, high = interval(right)
    seconds = [run["cpu_seconds"] for run in own]
    cells = [
        Path(name).name,
        side,
        f"{right.mean():.3f} ({min(accuracies):.3f} .. {max(accuracies):.3f})",
        f"{low:.3f} .. {high:.3f}",
        "" if side == "ours" else less_ours(right, mean_right(ours)),
        f"{statistics.median(seconds):.0f}",
        "" if side == "ours" else times(seconds, [run["cpu_seconds"] for run in ours]),
    ]
    return f"| {' | '.join(cells)} |"


def mean_right(runs):
    """How often each image of val was right, over seeds: float (n,).

    Seeds share the images: they are no further examples, and intervals are over images.
    """
    return np.mean([[float(mark) for mark in run["right"]] for run in runs], axis=0)


def interval(right):
    """Wilson's 95 % interval for as many images as give that variance of the mean over seeds."""
    mean, variance = right.mean(), right.var()
    effective = len(right) * (mean * (1 - mean) / variance if variance else 1)
    return effective_wilson(mean, effective, NORMAL_95)


def less_ours(right, ours):
    gain = compare_pairs(np.stack([right, ours], axis=1), [(0, 1)])[0]
    return f"{gain.value:+.3f} ({gain.low:+.3f} .. {gain.high:+.3f})"


def times(seconds, ours):
    """Seed by seed: these ran beside each other."""
    found = ratio(seconds, ours)
    return f"{found['median']:.2f} ({found['low']:.2f} .. {found['high']:.2f})"


if __name__ == "__main__":
    main()
