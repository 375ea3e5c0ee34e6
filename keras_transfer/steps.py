"""The steps of `train.run_transfer`, each a few calls into one room."""

import contextlib
import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.backend import choose_precision, load_keras, set_seed
from keras_transfer.bases.build import build_base, find_size
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError, count
from keras_transfer.evaluate.splits import SMALL, score_splits
from keras_transfer.export.certificate.evaluation_set import draw_evaluation_set
from keras_transfer.export.names import name_lines
from keras_transfer.features.store import cache_limit
from keras_transfer.model.factory import build_model
from keras_transfer.model.keras_file import save_keras
from keras_transfer.model.spec import ModelSpec
from keras_transfer.model.trainable import check_part
from keras_transfer.run.folder import Run, check_free, next_folder
from keras_transfer.run.reading import data_fingerprint, read_dataset
from keras_transfer.run.roles import write_roles
from keras_transfer.runtimes.engines import check_feature_precision
from keras_transfer.strategies import check_strategy, find_strategy

__all__ = ["find_strategy", "read_dataset", "read_source"]
EXPORTS = ("saved_model", "tflite")
CHECKED = 12  # examples on which an export must answer as the model does


def check_config(config):
    """Refuse what cannot work before anything is read."""
    size = find_size(config.base, config.image_size)
    check_strategy(config)
    check_feature_precision(config.feature_precision)
    cache_limit()
    if config.trainable != "auto":
        check_part(config.base, config.trainable)
    if config.weights in ("auto", "imagenet", "none"):
        return
    if not Path(config.weights).exists():
        advice = "Use auto, imagenet, none, or a file or run folder"
        raise UserError("no weights here", repr(config.weights), advice)
    build_base(config.base, size, config.weights)  # a file that does not fit is said at once


def check_target(out, overwrite):
    """Refuse a folder for the run that is taken; the folder, None for the next of the default."""
    if out is None:
        return None
    target = Path(os.path.abspath(out)) if out else Path("")
    check_free(target, overwrite)
    return target


@contextlib.contextmanager
def precision(config):
    """Keras's dtype policy and seed for building and training; the policy is put back after."""
    keras = load_keras()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(choose_precision(config.precision))
    set_seed(config.seed)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def recording(target, overwrite, name, config, dataset):
    """The Run of what happens inside; a caller's mistake leaves nothing, an accident its trace.

    Args:
        target: its folder, or None for the next free one; `name`: of the data.
    """
    # the next one is asked for only now: another run may have taken it while examples were read
    run = Run.create(target or next_folder(name, config.base, config.strategy), overwrite)
    # a run may be looked at from another folder than the one it was begun in
    place = os.path.abspath(config.data) if os.path.exists(config.data) else config.data
    run.write_text("config.json", replace(config, data=place).to_json())
    run.write_text("classes.txt", name_lines(dataset.task.outputs))
    dataset.examples.skipped.to_csv(run.folder / "skipped.csv", index=False)
    try:
        with progress.logged(run.folder / "log.txt"):
            progress.say(_what(config, dataset))
            yield run
    except UserError as error:
        if (
            run.folder / "model.keras"
        ).exists():  # hours of work, perhaps: only a later step failed
            run.fail(str(error))
            progress.warn(f"what was trained so far stays in {run.folder}")
        else:
            run.discard()
        raise
    except BaseException as error:
        with contextlib.suppress(OSError):  # the disk may be what failed
            run.fail(f"{type(error).__name__}: {error}")
        raise


def _what(config, dataset):
    splits = dataset.splits
    counts = [f"{(splits == split).sum()} {split}" for split in ("train", "val", "test")]
    counts = ", ".join(count for count in counts if not count.startswith("0 "))
    outputs = ", ".join(dataset.task.outputs[:8])
    more = f" and {len(dataset.task.outputs) - 8} more" if len(dataset.task.outputs) > 8 else ""
    skipped = len(dataset.examples.skipped)
    beside = f"; {skipped} skipped (skipped.csv)" if skipped else ""
    return f"{counts} examples{beside}; {dataset.task.name} of {outputs}{more}; {config.base}"


def build(config, task):
    """The untrained model for `task`."""
    scale = {"scale": task.scale, "offset": task.offset} if task.scale else {}
    return build_model(
        config.base,
        task.name,
        len(task.outputs),
        config.hidden_units,
        config.dropout,
        pooling=config.pooling,
        image_size=config.image_size,
        weights=config.weights,
        **scale,
    )


def evaluate(model, dataset, config):
    """(the `splits` of metrics.json, {split: answers}) on val and test."""
    predictions = {
        split: dataset.predict_arrays(model, dataset.rows(split))
        for split in ("val", "test")
        if len(dataset.rows(split))
    }
    rows = np.concatenate([dataset.rows(split) for split in predictions])
    scores = score_splits(
        dataset.task,
        dataset.examples.table.iloc[rows],
        dataset.targets[rows],
        np.concatenate(list(predictions.values())),
        dataset.selected_on(config),
        config.seed,
    )
    for split, score in scores.items():
        if score["n"] < SMALL:
            progress.warn(f"{split} has {count(score['n'], 'example')}: its score says little")
    return scores, predictions


def spec(dataset, config):
    """What the model's answers mean."""
    task = dataset.task
    return ModelSpec(task.name, task.outputs, config.resize, dataset.examples.size, config.base)


def write(run, model, history, dataset, predictions, config):
    """The model, its history and its predictions into the run's folder."""
    save_keras(model, run.folder / "model.keras", spec(dataset, config))
    names = list(dict.fromkeys(name for row in history for name in row))
    with open(run.folder / "history.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(history)
    _write_predictions(run.folder / "predictions.csv", dataset, predictions)
    write_roles(run.folder, dataset.examples.table, dataset.selected_on(config))


def _write_predictions(path, dataset, predictions):
    task, table = dataset.task, dataset.examples.table
    kind = "value" if task.name == "regression" else "p"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = [f"{kind}_{name}" for name in task.outputs]
        writer.writerow(["path", "split", "label", "predicted", *columns])
        for split, said in predictions.items():
            for row, prediction in zip(dataset.rows(split), said, strict=True):
                shown, label = table["shown"].iloc[row], table["label"].iloc[row]
                label = "|".join(map(str, label)) if isinstance(label, tuple) else label
                numbers = [f"{number:.6g}" for number in prediction]
                writer.writerow([shown, split, label, task.decode(prediction), *numbers])


def export(run, model, dataset, config):
    """The default exports, proven and certified; none with --no-export."""
    rows = np.concatenate([dataset.rows(split) for split in ("val", "test", "train")])
    run.keep_check_examples(dataset.examples.batch(rows[:: max(1, len(rows) // CHECKED)][:CHECKED]))
    if config.export:
        evaluation_set = draw_evaluation_set(dataset, config)
        run.export_model(model, spec(dataset, config), EXPORTS, evaluation_set)


def finish(run, scores, dataset, clock):
    """Write metrics.json and run.json, and give the folder its name."""
    task, examples, store = dataset.task, dataset.examples, dataset.store
    seconds = clock.read()
    metrics = {
        "schema": 1,
        "task": task.name,
        "classes": list(task.outputs),
        "splits": scores,
        "examples": {
            "read": len(examples) + len(examples.skipped),
            "skipped": len(examples.skipped),
        },
        "features": {"computed": store.computed, "reused": store.reused},
        "seconds": seconds,
    }
    run.write_text("metrics.json", json.dumps(metrics, indent=2) + "\n")
    run.write_info(data=data_fingerprint(examples.table), seconds=seconds)
    run.finish()
