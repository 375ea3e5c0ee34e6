"""Whether the base that `choose` recommends is the best one: on several sets, by `val`.

    python benchmarks/choosing.py --bases efficientnet_lite0 mobilenet=mobilenet.weights.h5 ...

`choose` sees train alone. The truth is the accuracy of each base on `val` (of several labels an
example the mean average precision): of the frozen base, and
with --tuned SETS also fine-tuned, for --seeds. Finished runs are kept in results/choosing.json, so
an interrupted benchmark goes on where it was. Prints, for each way to choose, its regret (points
below the best base of a set; the mean, and the largest in brackets) and its weighted Kendall tau
with the truth (the mean, and the least in brackets).
"""

import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tyro
from measuring import IMAGES, keep, kept
from real_sets import SETS
from transferability import h_score, log_evidence

SEEDS = (0, 1)
WEIGHTS = IMAGES.parent / "weights"
HERE = (
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    f"mobilenet={WEIGHTS / 'mobilenet_1_0_224_notop.weights.h5'}",
    f"mobilenet_v2_0.35={WEIGHTS / 'mobilenet_v2_0.35_224_notop.weights.h5'}",
)
WAYS = ("explained", "LogME", "H-score", "cross-validated accuracy", "ImageNet top-1")


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Choose on each set, measure every base on val, and print regret and rank correlation."""

    bases: tuple[str, ...] = HERE
    """NAME, or NAME=PATH of its weights."""
    sets: tuple[str, ...] = (
        "flowers5",
        "trashnet",
        "hymenoptera",
        "chest_xray",
        "scenes_multilabel",
    )
    tuned: tuple[str, ...] = ()
    """Sets of which the fine-tuned accuracy is measured as well: hours."""
    seeds: tuple[int, ...] = SEEDS
    """Of fine-tuning."""
    results: str = "choosing"
    """The file under benchmarks/results, without its ending."""


def main():
    asked = tyro.cli(Arguments)
    shown = {**asdict(asked), "bases": [text.partition("=")[0] for text in asked.bases]}
    found = {"asked": shown, **{key: {} for key in ("choices", "scores", "truth", "seconds")}}
    found |= {
        key: value for key, value in kept(asked.results).items() if key in found and key != "asked"
    }
    for name in asked.sets:
        if name not in found["choices"]:
            found["scores"][name] = scores(name, asked.bases)
            found["choices"][name] = chosen(name, asked.bases)
            keep(asked.results, found, show=False)
        for strategy, seeds in (("feature_extraction", (0,)), ("fine_tuning", asked.seeds)):
            if strategy == "fine_tuning" and name not in asked.tuned:
                continue
            for text in asked.bases:
                for seed in seeds:
                    key = f"{name} {text.partition('=')[0]} {strategy} {seed}"
                    if key not in found["truth"]:
                        found["truth"][key], seconds = truth(name, text, strategy, seed)
                        found["seconds"][key] = seconds
                        keep(asked.results, found, show=False)
    for strategy in ("feature_extraction", "fine_tuning"):
        print(table(found, strategy))


def chosen(name, bases):
    """What `choose` recommends, and CPU seconds."""
    import keras_transfer as kt

    begun = time.process_time()
    found = kt.choose(IMAGES / name, bases, quiet=True)
    return {"recommended": found["recommended"], "cpu_seconds": time.process_time() - begun}


def scores(name, bases):
    """{way: {base: score}} on all of train, features stored."""
    from keras_transfer.bases.table import BASES
    from keras_transfer.choosing.candidates import find_candidates
    from keras_transfer.choosing.contender import contender
    from keras_transfer.choosing.sample import TrainingSample
    from keras_transfer.data.sources.specs import read_source
    from keras_transfer.features.store import open_store

    sample, store = TrainingSample(read_source(IMAGES / name), 0, 0.05), open_store()
    found = {way: {} for way in WAYS}
    for candidate in find_candidates(bases)[0]:
        one, size = contender(candidate, sample, name, 0), len(sample.source.table)
        one.look(size, store, float("inf"))
        dataset = sample.dataset(one.spec, size)
        targets = dataset.task.one_hot(dataset.targets)
        vectors = store.features(one.prefix, dataset.examples, np.arange(size)).reshape(size, -1)
        values = (
            one.score,
            log_evidence(vectors, targets),
            h_score(vectors, targets),
            one.head(store, 0)[dataset.task.headline]["value"],
            BASES[candidate.name].top1,
        )
        for way, value in zip(WAYS, values, strict=True):
            found[way][candidate.name] = value
    return found


def truth(name, text, strategy, seed):
    """(the headline score of a base on val, CPU seconds of the training)."""
    import keras_transfer as kt

    base, _, path = text.partition("=")
    begun = time.process_time()
    quick = {"export": False, "report": False, "quiet": True}
    with tempfile.TemporaryDirectory() as place:
        asked = {"base": base, "weights": path or "auto", "strategy": strategy, "seed": seed}
        run = kt.transfer(IMAGES / name, out=Path(place) / "run", **asked, **quick)
        score = run.metrics["splits"]["val"][SETS[name][0]]["value"]
    return score, time.process_time() - begun


def table(found, strategy):
    """A row a way to choose."""
    truth = truths(found["truth"], strategy)
    lines = [
        f"\n{strategy}: {len(truth)} sets",
        "| way | regret, points | weighted tau |",
        "|---|---|---|",
    ]
    if not truth:
        return f"\n{strategy}: not measured"
    own = {name: found["choices"][name]["recommended"] for name in truth}
    lines.append(row("choose", [regret(truth[name], own[name]) for name in truth], []))
    for way in WAYS:
        given = {name: found["scores"][name][way] for name in truth}
        regrets = [regret(truth[name], max(given[name], key=given[name].get)) for name in truth]
        lines.append(row(way, regrets, [tau(given[name], truth[name]) for name in truth]))
    bases = {base for own in truth.values() for base in own}
    for base in sorted(bases):
        lines.append(row(f"always {base}", [regret(own, base) for own in truth.values()], []))
    return "\n".join(lines)


def truths(measured, strategy):
    """{set: {base: accuracy, the mean over seeds}}."""
    found = {}
    for key, value in measured.items():
        name, base, how, _ = key.split(" ")
        if how == strategy:
            found.setdefault(name, {}).setdefault(base, []).append(value)
    return {n: {b: statistics.fmean(v) for b, v in own.items()} for n, own in found.items()}


def regret(truth, base):
    """Points by which a base is below the best."""
    return 100 * (max(truth.values()) - truth[base])


def tau(given, truth):
    """Weighted Kendall tau of scores with the truth: the best count most."""
    from scipy.stats import weightedtau

    bases = sorted(truth)
    return float(weightedtau([truth[b] for b in bases], [given[b] for b in bases]).statistic)


def row(name, regrets, taus):
    """A line of the table."""
    apart = f"{statistics.fmean(taus):.2f} ({min(taus):.2f})" if taus else ""
    return f"| {name} | {statistics.fmean(regrets):.1f} ({max(regrets):.1f}) | {apart} |"


if __name__ == "__main__":
    main()
