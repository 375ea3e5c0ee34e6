"""What each recipe for int8 loses on images held out, and what blends of others tell of it.

    python benchmarks/int8.py --weights mobilenet=FILE mobilenet_v2_0.35=FILE

`export.tflite.int8` judges a file by blends of two training images, since nothing else is left
where all of `train` trained the model. Here two fifths of `train` of some sets are held out, heads
are fitted on the rest, and every recipe of 8 bits is tried: so the least agreement that is enough
is settled without `val` or `test`.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tyro
from measuring import IMAGES, evaluation_set_of, keep
from scipy.stats import spearmanr
from sklearn.model_selection import StratifiedGroupKFold

import keras_transfer as kt
from keras_transfer.export.common.network import Network
from keras_transfer.export.tflite.int8 import Quantiser
from keras_transfer.runtimes.litert import LiteRTRuntime

SETS = ("hymenoptera", "flowers5", "trashnet", "chest_xray")
BASES = ("efficientnet_lite0", "mobilenet", "mobilenet_v2_0.35")
BUNDLED = {"efficientnet_lite0"}
THRESHOLDS = [0.0, *np.arange(0.85, 0.9901, 0.01).round(2).tolist()]


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Hold out, fit, try every recipe of 8 bits, and say what each threshold would have chosen."""

    sets: tuple[str, ...] = SETS
    bases: tuple[str, ...] = BASES
    weights: tuple[str, ...] = ()
    """BASE=FILE of ImageNet weights."""


def main():
    asked = tyro.cli(Arguments)
    files = dict(pair.split("=", 1) for pair in asked.weights)
    tries = []
    for name in asked.sets:
        with tempfile.TemporaryDirectory() as place:
            held_out(IMAGES / name, Path(place) / "images")
            for base in asked.bases:
                weights = files.get(base) or ("auto" if base in BUNDLED else "none")
                settings = {"base": base, "weights": weights, "export": False, "quiet": True}
                run = kt.transfer(f"{place}/images", out=f"{place}/{base}", **settings)
                tries += [{"set": name, "base": base, **row} for row in try_recipes(run)]
    table = pd.DataFrame(tries)
    blends, others = table["distance, blends"], table["distance, held out"]
    found = {
        "rank correlation of distances": float(spearmanr(blends, others)[0]),
        "thresholds": [chosen(table, threshold) for threshold in THRESHOLDS],
        "tries": tries,
    }
    keep("int8", found)
    print(pd.DataFrame(found["thresholds"]).round(4).to_string(index=False))


def held_out(source, target):
    """Copy `train` into train and val, two fifths into val: labels alike, groups whole."""
    if (source / "metadata.csv").exists():
        table = pd.read_csv(source / "metadata.csv").query("split == 'train'")
        table = table.rename(columns={"file_name": "path"})
    else:
        paths = sorted(path for path in (source / "train").glob("*/*") if path.is_file())
        labels = [path.parent.name for path in paths]
        table = pd.DataFrame({"path": paths, "label": labels})
    groups = table.get("group", pd.Series(table["path"].astype(str)))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0).split(
        table, table["label"], groups
    )
    drawn = np.concatenate([rows for _, rows in list(folds)[:2]])
    for row, (path, label) in enumerate(zip(table["path"], table["label"], strict=True)):
        folder = target / ("val" if row in drawn else "train") / label
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / path, folder / f"{row}-{Path(path).name}")


def try_recipes(run):
    """Of each recipe of 8 bits: its size, and how near the model on blends and what is held out."""
    drawn, network = evaluation_set_of(run), Network(run.model, run.predictor.spec)
    quantiser, task = Quantiser(network, drawn.sample()), network.task
    expected = network.runtime(drawn.inputs)
    right = task.example_scores(drawn.targets, expected).mean()
    for recipe in quantiser.recipes():
        if recipe.activations == 8 and (attempt := quantiser.attempt(recipe)).data:
            predictions = LiteRTRuntime(attempt.data)(drawn.inputs)
            yield {
                "recipe": recipe.name,
                "MiB": len(attempt.data) / 2**20,
                "agreement, blends": attempt.agreement,
                "agreement, held out": float(task.agreement(expected, predictions).mean()),
                "distance, blends": attempt.distance,
                "distance, held out": float(np.abs(predictions - expected).mean()),
                "loss": float(right - task.example_scores(drawn.targets, predictions).mean()),
            }


def chosen(table, threshold):
    """What the files that `Quantiser.best` would choose, of 8 bits, have lost over all networks."""
    picked = []
    for _, rows in table.groupby(["set", "base"], sort=False):
        enough = rows.index[rows["agreement, blends"] >= threshold]
        picked.append(rows.loc[enough[0] if len(enough) else rows["distance, blends"].idxmin()])
    picked = pd.DataFrame(picked)
    return {
        "threshold": threshold,
        "agreement, mean": float(picked["agreement, held out"].mean()),
        "agreement, least": float(picked["agreement, held out"].min()),
        "loss, mean": float(picked["loss"].mean()),
        "loss, largest": float(picked["loss"].max()),
        "MiB, mean": float(picked["MiB"].mean()),
    }


if __name__ == "__main__":
    main()
