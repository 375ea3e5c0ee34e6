"""What a training writes into its run's folder."""

import contextlib
import csv
import json
import os
from dataclasses import replace

import numpy as np

from keras_transfer import progress
from keras_transfer.data.dataset import fingerprint
from keras_transfer.data.sources.specs import is_demo
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import as_tuple, take
from keras_transfer.model.keras_file import save_keras
from keras_transfer.model.spec import ModelSpec, name_lines
from keras_transfer.run.folder import Run
from keras_transfer.run.roles import write_roles
from keras_transfer.run.scored_arrays import write_arrays
from keras_transfer.run.tables import LINES_FILE, TEXTS
from keras_transfer.tasks import load_task

CHECKED = 12  # examples on which an export must predict as the model does


@contextlib.contextmanager
def recording(target, config, dataset, overwrite=False):
    """The Run of what happens inside; a caller's mistake leaves nothing, an accident its trace.

    Args:
        target: the run's folder; config: TrainConfig; dataset: `data.dataset.Dataset`.
    """
    run = Run.create(target, overwrite)
    # a run may be looked at from another folder than the one it was begun in
    is_path = not is_demo(config.data) and os.path.exists(config.data)  # which may stand here too
    place = os.path.abspath(config.data) if is_path else config.data
    run.write_text("config.json", replace(config, data=place).to_json())
    run.write_text("classes.txt", name_lines(dataset.task.outputs))
    dataset.examples.skipped.to_csv(run.folder / "skipped.csv", index=False)
    try:
        with progress.logged(run.folder / "log.txt"):
            progress.say(_summary(config, dataset, run))
            yield run
    except UserError as error:
        if (run.folder / "model.keras").exists():  # hours of work: only a later step failed
            run.fail(str(error))
            progress.warn(f"what was trained so far stays in {run.folder}")
        else:
            run.discard()
        raise
    except BaseException as error:
        with contextlib.suppress(OSError):  # the disk may be what failed
            run.fail(f"{type(error).__name__}: {error}")
        raise


def _summary(config, dataset, run):
    splits, outputs = dataset.splits, dataset.task.outputs
    counts = [f"{(splits == split).sum()} {split}" for split in ("train", "val", "test")]
    for split, part in dataset.new_classes.items():
        classes = len(set(map(str, part.table["label"])))
        counts.append(f"{len(part)} {split} of {classes} classes of its own")
    counts = ", ".join(count for count in counts if not count.startswith("0 "))
    more = f" and {len(outputs) - 8} more" if len(outputs) > 8 else ""
    skipped = len(dataset.examples.skipped)
    beside = f"; {skipped} skipped (skipped.csv)" if skipped else ""
    task, base = dataset.task.name, run.config.base
    return f"{counts} examples{beside}; {task} of {', '.join(outputs[:8])}{more}; {base}"


def spec_of(dataset, base, thresholds):
    """The ModelSpec of a model that was trained on a Dataset; `base`: its name."""
    task, inputs = dataset.task, dataset.examples.spec
    return ModelSpec(task.name, task.outputs, base, inputs, task.settings, thresholds)


def write_results(run, fitted, spec, dataset, predictions, reliability):
    """The model, its history, its predictions and who did what into the run's folder.

    Args:
        fitted: `strategies.Fitted`; predictions: {split: (indices (n,), arrays (n, ...))}.
        reliability: `strategies.common.reliability.Reliability`.
    """
    import pandas as pd

    run.write_reliability(reliability.record, reliability.kept)
    save_keras(fitted.model, run.folder / "model.keras", spec)
    names = list(dict.fromkeys(name for row in fitted.history for name in row))
    with open(run.folder / "history.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(fitted.history)
    task = load_task(spec)  # which decides as the model's file says
    if task.tabular:
        _write_rows(run.folder, task, dataset, predictions)
    else:
        _write_lines(run.folder, task, dataset, predictions)
        write_arrays(run.folder, dataset, predictions)
    tables = [dataset.examples.table, *(part.table for part in dataset.new_classes.values())]
    table = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    texts = [dataset.task.label_text(label) for label in table["label"]]
    write_roles(run.folder, table.assign(label=texts), fitted.selected_on)
    _keep_check_examples(run, dataset)


def _keep_check_examples(run, dataset):
    indices = np.concatenate([dataset.indices(split) for split in ("val", "test", "train")])
    indices = indices[:: max(1, len(indices) // CHECKED)][:CHECKED]
    run.keep_check_examples(dataset.examples.batch(indices))


def _scored(task, dataset, predictions):
    """((path, split, label, predicted), the index, one prediction) of each scored example."""
    table = dataset.examples.table
    for split, (indices, found) in predictions.items():
        for place, index in enumerate(indices):
            label, prediction = task.label_text(table["label"].iloc[index]), take(found, place)
            row = table["shown"].iloc[index], split, label, task.decode(prediction)
            yield row, index, prediction


def _write_rows(folder, task, dataset, predictions):
    """predictions.csv: a column for each output."""
    with open(folder / "predictions.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = [f"{task.column}_{name}" for name in task.outputs]
        writer.writerow([*TEXTS, *columns])
        for row, _, prediction in _scored(task, dataset, predictions):
            numbers = [f"{number:.6g}" for number in as_tuple(prediction)[0]]
            writer.writerow([*row, *numbers])


def _write_lines(folder, task, dataset, predictions):
    """predictions.jsonl: one JSON object a line, where a prediction is no row of numbers."""
    geometries = dataset.examples.geometries if task.needs_geometry else None
    with open(folder / LINES_FILE, "w", encoding="utf-8") as file:
        for row, index, prediction in _scored(task, dataset, predictions):
            line = dict(zip(TEXTS, row, strict=True))
            geometry = geometries[index] if geometries is not None else None
            found = task.to_json(prediction, geometry=geometry)
            file.write(json.dumps({**line, **found}) + "\n")


def write_metrics(run, scores, episodes, fitted, dataset, features, seconds):
    """Write metrics.json, and into run.json what was learned from."""
    task, examples = dataset.task, dataset.examples
    skipped = len(examples.skipped)
    new = sum(map(len, dataset.new_classes.values()))
    metrics = {
        "schema": 2,
        "task": task.name,
        "classes": list(task.outputs),
        "splits": scores,
        **({"episodes": episodes} if episodes else {}),
        "holdout_score": fitted.holdout_score,
        "examples": {"read": len(examples) + new + skipped, "skipped": skipped},
        "features": {"computed": features.computed, "reused": features.reused},
        "seconds": seconds,
    }
    run.write_text("metrics.json", json.dumps(metrics, indent=2) + "\n")
    learned = fingerprint(examples.table)
    run.write_info(data=learned, selected_on=fitted.selected_on, seconds=seconds)


def finish(run, seconds):
    """Note the seconds of all steps, and give the folder its name."""
    run.write_text("metrics.json", json.dumps({**run.metrics, "seconds": seconds}, indent=2) + "\n")
    run.write_info(seconds=seconds)
    run.finish()
