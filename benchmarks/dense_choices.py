"""How heads on maps, and the tuning below them, are best trained: by trials inside train.

    python benchmarks/dense_choices.py --sets bccd_voc camvid --parts 0 1

`val` and `test` are never read. A part of train is scored: of CamVid one of its drives, since
neighbours of a frame would flatter, of BCCD every third image; a tenth of the rest selects.
Finished trials are kept in results/dense_choices.json.
"""

import itertools
import shutil
import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import tyro
from dense import SETS
from measuring import IMAGES, keep, kept
from mosaics import add_mosaics

TRIALS = {  # what differs from the recipe of a head, or of the tuning below a head with defaults
    "head: defaults": {},
    "head: rate 0.005": {"learning_rate": 5e-3},
    "head: rate 0.0025": {"learning_rate": 2.5e-3},
    "head: half the steps": {"steps": 0.5},
    "head: with mosaics": {"mosaics": True},
    "tuning: defaults": {},
    "tuning: rate 0.0015": {"learning_rate": 1.5e-3},
    "tuning: from block5": {"trainable": "block5"},
    "tuning: twice the steps": {"steps": 2},
    "tuning: with mosaics": {"mosaics": True},
}
DRIVES = ("0006R0", "0001TP")  # of CamVid's train, the part of each number
THIRDS = 3
TENTHS = 10  # of the rest, of which one selects as val does


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Compare trainings on a part of train that did not train."""

    sets: tuple[str, ...] = tuple(SETS)
    parts: tuple[int, ...] = (0, 1)
    """Which part of train is scored."""
    only: tuple[str, ...] = ("",)
    """Trials whose names begin so."""
    seeds: tuple[int, ...] = (0,)


def main():
    asked = tyro.cli(Arguments)
    found = kept("dense_choices").get("found", {})
    for name, part, seed in itertools.product(asked.sets, asked.parts, asked.seeds):
        with tempfile.TemporaryDirectory() as place, one_head():
            data = part_of(name, part, Path(place))
            for trial, changes in TRIALS.items():
                key = f"{name} {part} {seed} {trial}"
                if key not in found and trial.startswith(asked.only) and fits(changes, name):
                    found[key] = measure(name, data, trial, changes, seed)
                    content = {"asked": asdict(asked), "found": found}
                    keep("dense_choices", content, show=False)
                    print(key, found[key], flush=True)
    print(table(found))


def fits(changes, name):
    """Whether there is such a trial of a set: mosaics are made of boxes."""
    return name == "bccd_voc" or "mosaics" not in changes


def part_of(name, part, place):
    """A folder with the train split of a set alone: parts of it are called val and test."""
    return (part_of_boxes if name == "bccd_voc" else part_of_masks)(IMAGES / name, part, place)


def part_of_boxes(root, part, place):
    names = (root / "ImageSets" / "Main" / "train.txt").read_text().split()
    (place / "ImageSets" / "Main").mkdir(parents=True)
    for split, own in divided(names, lambda row, name: row % THIRDS == part).items():
        (place / "ImageSets" / "Main" / f"{split}.txt").write_text("\n".join(own) + "\n")
    for folder, ending in {"Annotations": "xml", "JPEGImages": "jpg"}.items():
        (place / folder).mkdir()
        for name in names:
            shutil.copy(root / folder / f"{name}.{ending}", place / folder)
    return place


def part_of_masks(root, part, place):
    for folder in ("images", "masks"):
        files = sorted((root / folder / "train").iterdir())
        for split, own in divided(
            files, lambda row, file: file.name.startswith(DRIVES[part])
        ).items():
            (place / folder / split).mkdir(parents=True)
            for file in own:
                shutil.copy(file, place / folder / split)
    return place


def divided(items, is_scored):
    """{split: items} of those that are trained on, that select, and that are scored."""
    scored = {row for row, item in enumerate(items) if is_scored(row, item)}
    rest = [item for row, item in enumerate(items) if row not in scored]
    return {
        "train": [item for row, item in enumerate(rest) if row % TENTHS],
        "val": rest[::TENTHS],
        "test": [items[row] for row in sorted(scored)],
    }


def measure(name, data, trial, changes, seed):
    """The scores of the part that did not train."""
    import keras_transfer as kt

    settings, headlines = SETS[name]
    changes = dict(changes)
    steps, rate = changes.pop("steps", 1), changes.pop("learning_rate", None)
    strategy = "fine_tuning" if trial.startswith("tuning") else "feature_extraction"
    recipe = "dense_tuning" if strategy == "fine_tuning" else "dense_head"
    with tempfile.TemporaryDirectory() as out, changed(recipe, steps, rate):
        if changes.pop("mosaics", False):
            data = with_mosaics(data, Path(out) / "data")
        run = kt.transfer(
            data,
            strategy=strategy,
            seed=seed,
            out=f"{out}/run",
            quiet=True,
            report=False,
            export=False,
            **settings,
            **changes,
        )
        scores = run.metrics["splits"]["test"]
        return {score: scores[score]["value"] for score in headlines}


def with_mosaics(data, place):
    """A copy that trains on as many mosaics as images besides, in as many steps."""
    shutil.copytree(data, place)
    names = place / "ImageSets" / "Main" / "train.txt"
    own = names.read_text().split()
    names.write_text("\n".join([*own, *add_mosaics(place, own)]) + "\n")
    return place


def changed(recipe, steps, rate):
    """While inside, a recipe has another rate and so many times its epochs."""
    from keras_transfer.strategies.common import recipes

    own = getattr(recipes, recipe)

    def other(*facts):
        found = own(*facts)
        epochs = round(found.epochs * steps)
        return found._replace(epochs=epochs, learning_rate=rate or found.learning_rate)

    return mock.patch.object(recipes, recipe, other)


def one_head():
    """While inside, the head below which a base is tuned is trained once, not for each trial."""
    from keras_transfer.strategies import fine_tuning

    own, trained = fine_tuning.fit_head_on_part, []

    def remembered(model, *rest):
        if not trained:
            own(model, *rest)
            trained.append(model.get_weights())
        model.set_weights(trained[0])

    return mock.patch.object(fine_tuning, "fit_head_on_part", remembered)


def table(found):
    """A row for each set and trial: what it has, and gains over the defaults, each of the parts
    and seeds and their mean."""
    lines = ["| set | trial | runs | score | gain |", "|---|---|---|---|---|"]
    rows = {}
    for key, scores in sorted(found.items()):
        name, part, seed, trial = key.split(" ", 3)
        rows.setdefault((name, trial), {})[part, seed] = scores
    for (name, trial), runs in rows.items():
        plain = rows.get((name, f"{trial.split(':')[0]}: defaults"), {})
        texts, gains = [], []
        for score in SETS[name][1]:
            texts.append(f"{score} {statistics.mean(own[score] for own in runs.values()):.3f}")
            both = [runs[run][score] - plain[run][score] for run in runs if run in plain]
            each = " ".join(f"{gain:+.3f}" for gain in both)
            gains.append(f"{statistics.mean(both):+.3f} ({each})" if both else "")
        texts = ", ".join(texts)
        lines.append(f"| {name} | {trial} | {len(runs)} | {texts} | {', '.join(gains)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
