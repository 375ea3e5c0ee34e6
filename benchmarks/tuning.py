"""Whether `tune` finds settings that are better than the defaults: on `val`, which it never sees.

    python benchmarks/tuning.py --sets trashnet flowers5 cells --seeds 0 1 2 --minutes 20

Of each set and seed the score on `val` of the run that `tune` ends with, less that of a training
with the defaults of fine_tuning. Finished ones are kept in results/tuning.json, so an interrupted
benchmark goes on where it was.
"""

import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro
from measuring import IMAGES, half_interval, keep, kept
from real_sets import SETS

import keras_transfer as kt

SIDES = ("default", "tuned")


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Tune, and train with the defaults, on each set with each seed."""

    sets: tuple[str, ...] = ("trashnet", "flowers5", "cells")
    seeds: tuple[int, ...] = (0, 1, 2)
    minutes: float = 20.0
    trials: int = 1000
    """At most; the minutes decide."""
    results: str = "tuning"
    """The file under benchmarks/results, without its ending."""


def main():
    asked = tyro.cli(Arguments)
    found = kept(asked.results).get("found", {})
    for name in asked.sets:
        for seed in asked.seeds:
            key = f"{name} {seed}"
            if key not in found:
                found[key] = measure(asked, name, seed)
                print(key, found[key], flush=True)
                keep(asked.results, {"asked": asdict(asked), "found": found}, show=False)
    print(table(found))


def measure(asked, name, seed):
    """{"default", "tuned": scores on val, "trials", "kept": the settings, "reason"}."""
    quick = {"seed": seed, "export": False, "report": False, "quiet": True}
    data, score = IMAGES / name, SETS[name][0]
    with tempfile.TemporaryDirectory() as place:
        places = {"study": Path(place) / "study", "out": Path(place) / "tuned"}
        budget = {"trials": asked.trials, "time_budget": asked.minutes}
        run, found = kt.tune(data, **places, **budget, **quick)
        tuned = run.metrics["splits"]["val"][score]["value"]
        plain = kt.transfer(data, strategy="fine_tuning", out=Path(place) / "plain", **quick)
        default = plain.metrics["splits"]["val"][score]["value"]
    trial = next(t for t in found["trials"] if t["number"] == found["kept"])
    states = [t["state"] for t in found["trials"]]
    counts = {state: states.count(state) for state in sorted(set(states))}
    return {
        "default": default,
        "tuned": tuned,
        "trials": counts,
        "kept": trial["settings"] if found["kept"] != found["default"] else "the defaults",
        "reason": found["reason"],
    }


def table(found):
    """A row a set, and the mean gain of all with its 95 % interval."""
    lines = ["| set | defaults | tuned | gain of each seed | trials |", "|---|---|---|---|---|"]
    gains = {key: one["tuned"] - one["default"] for key, one in found.items()}
    for name in dict.fromkeys(key.split(" ")[0] for key in found):
        own = {key: one for key, one in found.items() if key.split(" ")[0] == name}
        means = [statistics.fmean(one[side] for one in own.values()) for side in SIDES]
        each = ", ".join(f"{gains[key]:+.3f}" for key in own)
        trials = ", ".join(str(sum(one["trials"].values())) for one in own.values())
        lines.append(f"| {name} | {means[0]:.3f} | {means[1]:.3f} | {each} | {trials} |")
    if len(gains) > 1:
        mean, half = statistics.fmean(gains.values()), half_interval(list(gains.values()))
        lines.append(f"\nMean gain {mean:+.4f} +- {half:.4f}, least {min(gains.values()):+.4f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
