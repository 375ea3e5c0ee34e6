"""Whether a regularisation or an augmentation policy earns its place: by trials inside train.

    python benchmarks/regularization.py --sets flowers5 trashnet hymenoptera --seeds 0 1 2

`val` and `test` are never read. Of each set and seed a fine-tuning with the defaults and one with
each setting train on three quarters of train and are scored on the rest, the same for all.
Finished ones are kept in results/regularization.json.
"""

import statistics
from dataclasses import asdict, dataclass

import tyro
from measuring import IMAGES, half_interval, keep, kept

SETTINGS = {
    "defaults": {},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "weight decay 0.01": {"weight_decay": 0.01},
    "L2-SP 0.01": {"l2_sp": 0.01},
    "average of weights 0.99": {"weight_average": 0.99},
    "dropout 0.2": {"dropout": 0.2},
    "mixup 0.2": {"mixup": 0.2},
    "augment none": {"augment": "none"},
    "augment standard": {"augment": "standard"},
    "augment strong": {"augment": "strong"},
}
PARTS = 4  # of train, one of which is held out


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Compare settings of fine-tuning on a part of train that did not train."""

    sets: tuple[str, ...] = ("flowers5", "trashnet", "hymenoptera")
    seeds: tuple[int, ...] = (0, 1, 2)
    settings: tuple[str, ...] = tuple(SETTINGS)
    results: str = "regularization"
    """The file under benchmarks/results, without its ending."""


def main():
    asked = tyro.cli(Arguments)
    found = kept(asked.results).get("found", {})
    for seed in asked.seeds:
        for name in asked.sets:
            for setting in asked.settings:
                key = f"{name} {seed} {setting}"
                if key not in found:
                    found[key] = score(name, seed, SETTINGS[setting])
                    keep(asked.results, {"asked": asdict(asked), "found": found}, show=False)
    print(table(asked, found))


def score(name, seed, settings):
    """Accuracy on the held-out part of train, and its log loss."""
    import tempfile

    import keras_transfer as kt

    with tempfile.TemporaryDirectory() as place:
        quick = {"export": False, "report": False, "quiet": True, "out": f"{place}/run"}
        asked = {"strategy": "fine_tuning", "seed": seed, **settings}
        run = kt.transfer(parts(name, seed), **asked, **quick)
        scores = run.metrics["splits"]["val"]
        return {"accuracy": scores["accuracy"]["value"], "log_loss": scores["log_loss"]["value"]}


def parts(name, seed):
    """A table of the training images of a set; a stratified quarter is called val."""
    import pandas as pd
    from sklearn.model_selection import StratifiedKFold

    root = IMAGES / name
    paths = sorted(path for path in (root / "train").rglob("*") if path.is_file())
    labels = [path.parent.name for path in paths]
    folds = StratifiedKFold(PARTS, shuffle=True, random_state=0)
    held = list(folds.split(paths, labels))[seed % PARTS][1]
    table = pd.DataFrame({"path": [str(path) for path in paths], "label": labels})
    table["split"] = "train"
    table.loc[held, "split"] = "val"
    return table


def table(asked, found):
    """A row a setting: what it adds to the accuracy of the defaults, with its 95 % interval."""
    cases = [(name, seed) for name in asked.sets for seed in asked.seeds]
    lines = ["| setting | accuracy | gain, points | log loss |", "|---|---|---|---|"]
    for setting in asked.settings:
        own = [found[f"{name} {seed} {setting}"] for name, seed in cases]
        plain = [found[f"{name} {seed} defaults"] for name, seed in cases]
        gains = [100 * (a["accuracy"] - b["accuracy"]) for a, b in zip(own, plain, strict=True)]
        gain = ""
        if setting != "defaults" and len(gains) > 1:
            gain = f"{statistics.fmean(gains):+.1f} ± {half_interval(gains):.1f}"
        accuracy, loss = (statistics.fmean(o[k] for o in own) for k in ("accuracy", "log_loss"))
        lines.append(f"| {setting} | {accuracy:.3f} | {gain} | {loss:.3f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
