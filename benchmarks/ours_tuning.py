"""Our side of `fine_tuning.py`: one run with the defaults on a folder, as JSON."""

import json
import sys
import tempfile

from measuring import dataset_of

import keras_transfer as kt
from keras_transfer.strategies import facts_of, find_strategy


def main(folder, seed):
    with tempfile.TemporaryDirectory() as place:
        run = kt.transfer(
            folder,
            strategy="fine_tuning",
            seed=seed,
            export=False,
            report=False,
            quiet=True,
            out=f"{place}/run",
        )
        table = run.predictions
        table = table[table["split"] == "val"]
        right = (table["predicted"] == table["label"]).astype(int)
        names = [path.removeprefix("val/") for path in table["path"]]
        found = {
            "given": given(run),
            "accuracy": run.metrics["splits"]["val"]["accuracy"]["value"],
            "right": dict(zip(names, right.tolist(), strict=True)),
        }
    print(json.dumps(found))


def given(run):
    """What the strategy plans for these examples, a dict a stage; it may skip the last."""
    stages = find_strategy(run.config.strategy).stages(facts_of(dataset_of(run)), run.config)
    return [
        {
            "stage": stage.name,
            "trains": stage.part,
            "epochs": stage.epochs,
            "images seen": stage.epochs * stage.examples,
            "augmentation": seen_as(stage.views),
            "rate": stage.recipe.learning_rate if stage.recipe else None,
        }
        for stage in stages
    ]


def seen_as(views):
    """In words; the first view is the plain image."""
    return f"{len(views)} views, {views[1][0]}" if len(views) > 1 else "none"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
