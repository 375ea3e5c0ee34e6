"""The steps of `train.run_transfer`, each a few calls into one room."""

import contextlib
import csv
import json
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.bases.build import build_base, find_size
from keras_transfer.data.pictures import check_left_out, read_pictures
from keras_transfer.data.roles import write_roles
from keras_transfer.data.sources import infer_task, read_source
from keras_transfer.data.splits import check_labels, complete_splits, find_duplicates
from keras_transfer.errors import UserError, count
from keras_transfer.evaluate.splits import SMALL, score_splits
from keras_transfer.export.keras_file import About, save_keras
from keras_transfer.export.names import name_lines
from keras_transfer.features.engines import check_feature_precision
from keras_transfer.features.store import cache_limit, open_store
from keras_transfer.model.factory import build_model
from keras_transfer.model.trainable import check_part
from keras_transfer.run import Run, check_free, next_folder
from keras_transfer.runtime import choose_precision, load_keras, load_tensorflow, set_seed
from keras_transfer.strategies import check_strategy, find_strategy
from keras_transfer.strategies.examples import Examples
from keras_transfer.tasks import make_task

__all__ = ["find_strategy", "read_source"]
EXPORTS = ("saved_model", "tflite")
CHECKED = 12  # pictures on which an export must answer as the model does


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


def read_examples(source, config):
    """Read every picture, leave out what is broken, draw the splits, encode the labels."""
    name = infer_task(source.table, source) if config.task == "auto" else config.task
    check_labels(source.table, name)  # before hours of reading; and again without what is broken
    load_tensorflow()
    size = find_size(config.base, config.image_size)
    store = open_store(config.store, config.feature_precision)
    known = store.known_pictures()
    pictures = read_pictures(source, size, config.resize, config.max_pixels, known)
    store.remember_pictures(pictures.table["sha256"], config.max_pixels, known)
    for note in (*source.notes, *pictures.notes):
        progress.say(f"note: {note}")
    check_left_out(pictures, config.max_left_out)
    _check_whole_classes(source.table, pictures, name)
    check_labels(pictures.table, name)
    table = complete_splits(pictures.table, name, config.seed)
    _name_duplicates(table)
    labels = list(table["label"])
    task = make_task(name, labels, (table["split"] == "train").to_numpy(), source.targets)
    examples = Examples(replace(pictures, table=table), task, task.encode(labels), store)
    examples.weights(examples.rows("train"), config.class_weight)  # refuses what has no classes
    return examples


def _check_whole_classes(table, pictures, task):
    """Refuse a set in which all pictures of a class, or of a split, are unreadable."""
    for column in ("label", "split") if task == "classification" else ("split",):
        gone = sorted(set(table[column]) - set(pictures.table[column]))
        if gone:
            raise UserError(
                f"no picture with the {column} {gone[0]} can be read",
                f"{pictures.left_out['path'].iloc[0]}: {pictures.left_out['reason'].iloc[0]}",
                "Mend or remove them",
            )


def _name_duplicates(table):
    pairs = find_duplicates(table, table["sha256"])
    if pairs:
        one, other, split, other_split = pairs[0]
        progress.warn(
            f"{count(len(pairs), 'picture')} in two splits make scores look better than they are; "
            f"first: {one} ({split}) and {other} ({other_split})"
        )


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
def recording(target, overwrite, name, config, examples):
    """The Run of what happens inside; a caller's mistake leaves nothing, an accident its trace.

    Args:
        target: its folder, or None for the next free one; `name`: of the data.
    """
    # the next one is asked for only now: another run may have taken it while pictures were read
    run = Run.create(target or next_folder(name, config.base, config.strategy), overwrite)
    run.write_text("config.json", config.to_json())
    run.write_text("classes.txt", name_lines(examples.task.outputs))
    examples.pictures.left_out.to_csv(run.folder / "left_out.csv", index=False)
    try:
        with progress.logged(run.folder / "log.txt"):
            progress.say(_what(config, examples))
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


def _what(config, examples):
    splits = examples.splits
    counts = [f"{(splits == split).sum()} {split}" for split in ("train", "val", "test")]
    counts = ", ".join(count for count in counts if not count.startswith("0 "))
    outputs = ", ".join(examples.task.outputs[:8])
    more = f" and {len(examples.task.outputs) - 8} more" if len(examples.task.outputs) > 8 else ""
    left_out = len(examples.pictures.left_out)
    beside = f"; {left_out} left out (left_out.csv)" if left_out else ""
    return f"{counts} pictures{beside}; {examples.task.name} of {outputs}{more}; {config.base}"


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


def evaluate(model, examples, config):
    """(the `splits` of metrics.json, {split: answers}) on val and test."""
    answers = {
        split: examples.answers(model, examples.rows(split))
        for split in ("val", "test")
        if len(examples.rows(split))
    }
    rows = np.concatenate([examples.rows(split) for split in answers])
    scores = score_splits(
        examples.task,
        examples.pictures.table.iloc[rows],
        examples.targets[rows],
        np.concatenate(list(answers.values())),
        _chosen_by(examples, config),
        config.seed,
    )
    for split, score in scores.items():
        if score["n"] < SMALL:
            progress.warn(f"{split} has {count(score['n'], 'picture')}: its score says little")
    return scores, answers


def _chosen_by(examples, config):
    """Splits besides train that chose epochs: only gradient training asks val, and not always."""
    gradient = config.strategy != "feature_extraction" or config.hidden_units
    return {"val"} if gradient and examples.choosing_rows(config.seed)[2] else set()


def about(examples, config):
    """What the model's answers mean."""
    task = examples.task
    return About(task.name, task.outputs, config.resize, examples.pictures.size, config.base)


def write(run, model, history, examples, answers, config):
    """The model, its history and its predictions into the run's folder."""
    save_keras(model, run.folder / "model.keras", about(examples, config))
    names = list(dict.fromkeys(name for row in history for name in row))
    with open(run.folder / "history.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(history)
    _write_predictions(run.folder / "predictions.csv", examples, answers)
    write_roles(run.folder, examples.pictures.table, _chosen_by(examples, config))


def _write_predictions(path, examples, answers):
    task, table = examples.task, examples.pictures.table
    kind = "value" if task.name == "regression" else "p"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = [f"{kind}_{name}" for name in task.outputs]
        writer.writerow(["path", "split", "label", "predicted", *columns])
        for split, said in answers.items():
            for row, answer in zip(examples.rows(split), said, strict=True):
                shown, label = table["shown"].iloc[row], table["label"].iloc[row]
                label = "|".join(map(str, label)) if isinstance(label, tuple) else label
                numbers = [f"{number:.6g}" for number in answer]
                writer.writerow([shown, split, label, task.read(answer), *numbers])


def export(run, model, examples, config):
    """The default exports, each proven to answer as the model does; none with --no-export."""
    rows = np.concatenate([examples.rows(split) for split in ("val", "test", "train")])
    run.keep_check_pictures(
        examples.pictures.batch(rows[:: max(1, len(rows) // CHECKED)][:CHECKED])
    )
    if config.export:
        run.export_model(model, about(examples, config), EXPORTS)


def finish(run, scores, examples, clock):
    """Write metrics.json and run.json, and give the folder its name."""
    task, pictures, store = examples.task, examples.pictures, examples.store
    seconds = clock.read()
    metrics = {
        "schema": 1,
        "task": task.name,
        "classes": list(task.outputs),
        "splits": scores,
        "pictures": {
            "read": len(pictures) + len(pictures.left_out),
            "left_out": len(pictures.left_out),
        },
        "features": {"computed": store.computed, "reused": store.reused},
        "seconds": seconds,
    }
    run.write_text("metrics.json", json.dumps(metrics, indent=2) + "\n")
    run.write_info(data=_fingerprint(pictures.table), seconds=seconds)
    run.finish()


def _fingerprint(table):
    """sha256 over what was learned from: contents, labels and splits, whatever their order."""
    lines = sorted(map(str, zip(table["sha256"], table["label"], table["split"], strict=True)))
    return sha256("\n".join(lines).encode()).hexdigest()
