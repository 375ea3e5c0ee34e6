"""Meta-learning on Omniglot: conv4 trained on small background set 1, measured on new alphabets.

    python benchmarks/meta_learning.py

Each variant and seed runs in a process of its own (`meta_trained.py`). Settings were selected
inside small1, trained on three of its alphabets and judged on the other two; nothing is selected
on small2 or on the 20 official one-shot runs. These are scored drawing by drawing, without a
one-to-one matching of drawings to classes. Finished results are kept in results/NAME.json, so an
interrupted benchmark goes on where it was; delete the file to begin anew. About an hour and a half
of CPU time in all.
"""

import statistics
from dataclasses import asdict, dataclass

import tyro
from measuring import half_interval, keep, kept, timed
from meta_trained import FOLDER, VARIANTS

BARS = {  # percent wrong, or CPU seconds; by the variant and what is measured
    ("protonet", "official"): 15,
    ("protonet", "official, 8 views"): 12.5,
    ("protonet", "5-way"): 7.5,
    ("protonet", "20-way"): 20,
    ("protonet", "training_cpu_seconds"): 400,
    ("maml", "5-way, query statistics"): 15,
    ("maml", "training_cpu_seconds"): 2000,
}
HEADING = (
    "| variant | measured | mean over seeds | its 95 % interval | seeds | bar |\n"
    "|---|---|---|---|---|---|"
)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Train each variant with each seed, and print a Markdown table: percent wrong."""

    variants: tuple[str, ...] = tuple(VARIANTS)
    """Keys of meta_trained.VARIANTS."""
    seeds: tuple[int, ...] = (0, 1, 2)
    results: str = "meta_learning"
    """The file under benchmarks/results, without its ending."""


def main():
    asked = tyro.cli(Arguments)
    if not FOLDER.exists():
        raise SystemExit(f"{FOLDER} does not exist")
    found = {"asked": asdict(asked), "runs": kept(asked.results).get("runs", [])}
    for seed in asked.seeds:
        for variant in asked.variants:
            if not of(found["runs"], variant, [seed]):
                result = timed("meta_trained.py", variant, seed)
                found["runs"].append({"variant": variant, "seed": seed, **result})
                keep(asked.results, found, show=False)
    print(HEADING)
    for variant in asked.variants:
        own = of(found["runs"], variant, asked.seeds)
        names = ("official", "5-way", "20-way", "training_cpu_seconds")
        for name in own[0]:
            if name.startswith(names):
                print(line(variant, name, [run[name] for run in own]))


def of(runs, variant, seeds):
    """The runs of a variant, in the order of seeds."""
    by_key = {(run["variant"], run["seed"]): run for run in runs}
    return [by_key[variant, seed] for seed in seeds if (variant, seed) in by_key]


def line(variant, name, values):
    """One row of the table. Seeds are few: the interval is Student's."""
    seconds = name.endswith("seconds")
    values = values if seconds else [100 * value for value in values]
    mean = statistics.fmean(values)
    within = ""
    if len(values) > 1:
        error = half_interval(values)
        within = f"{mean - error:.1f} .. {mean + error:.1f}"
    named = (
        "CPU seconds of training, imports and reading included" if seconds else f"{name}, % wrong"
    )
    bar = BARS.get((variant, name), "")
    return f"| {variant} | {named} | {mean:.1f} | {within} | {len(values)} | {bar} |"


if __name__ == "__main__":
    main()
