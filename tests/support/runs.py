"""Folders of finished runs, without a training: what `compare` reads of them."""

import json
import zipfile

import numpy as np
import pandas as pd

from keras_transfer.config import make_config
from keras_transfer.environment import versions
from keras_transfer.model.spec import MEMBER, spec_to_json
from keras_transfer.run.recording import _write_rows
from keras_transfer.run.roles import write_roles
from tests.support.tiny import spec


class Scored:
    """As much of a Dataset as the writer of predictions.csv asks for."""

    def __init__(self, task, table):
        self.task, self.table, self.examples = task, table, self

    def indices(self, split):
        return np.flatnonzero(self.table["split"] == split)


def plant_run(folder, task, table, predictions, selected_on="train", base="tiny"):
    """Write a run's folder.

    Args:
        table: DataFrame with shown, label, split, sha256 and maybe group.
        predictions: {split: (n, k)}.
    """
    folder.mkdir(parents=True)
    table = table.assign(group=table.get("group", ""))
    scored = Scored(task, table)
    found = {split: (scored.indices(split), one) for split, one in predictions.items()}
    _write_rows(folder, scored.task, scored, found)
    write_roles(folder, table, selected_on)
    about = spec(task.name, names=task.outputs)._replace(base=base, task_settings=task.settings)
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        archive.writestr(MEMBER, spec_to_json(about))
    (folder / "config.json").write_text(make_config().to_json())
    splits = {split: {"n": len(found)} for split, found in predictions.items()}
    examples = {"read": len(table), "skipped": 0}
    metrics = {"splits": splits, "examples": examples, "seconds": {"total": 12.0, "fit": 3.0}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    info = {"state": "finished", "versions": versions(), "selected_on": selected_on}
    (folder / "run.json").write_text(json.dumps(info))
    return folder


def examples(labels, split="test", prefix="image", groups=None):
    """A table of examples of one split, and two that trained."""
    names = [f"{prefix} {number}" for number in range(len(labels))]
    columns = {"shown": names, "label": labels, "split": split, "sha256": names}
    rows = pd.DataFrame({**columns, "group": "" if groups is None else groups})
    train = pd.DataFrame({"shown": ["t1", "t2"], "label": [labels[0]] * 2, "split": "train"})
    return pd.concat([train.assign(sha256=["t1", "t2"], group=""), rows], ignore_index=True)


def two_classes(right):
    """Probabilities (n, 2) of a model for examples of class 0, and which it gets right."""
    return np.eye(2)[1 - np.asarray(right, int)] * 0.8 + 0.1
