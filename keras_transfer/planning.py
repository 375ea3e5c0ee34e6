"""`--plan`: what a run will take in time and disk, measured on a few of its examples."""

import time
from dataclasses import replace

import numpy as np

from keras_transfer import steps
from keras_transfer.backend import load_tensorflow
from keras_transfer.bases.build import find_size
from keras_transfer.data.examples import check_skipped, read_examples
from keras_transfer.data.sources.specs import infer_task, read_source
from keras_transfer.data.splits import TEST_SHARE, check_labels
from keras_transfer.features.plan import measure_speed, plan_storing
from keras_transfer.features.store import open_store
from keras_transfer.model.cut import cut
from keras_transfer.model.trainable import set_trainable
from keras_transfer.runtimes.engines import BATCH
from keras_transfer.strategies import recipes
from keras_transfer.strategies.dataset import holdout_share
from keras_transfer.strategies.feature_extraction import seeded_views
from keras_transfer.strategies.fine_tuning import plan_tuning, trainings
from keras_transfer.tasks import make_task


def plan_run(data, config):
    """What the run of `config` on `data` will take, as a dict of numbers and reasons.

    No run is begun. Times are from a batch of the examples on this machine as it is now; a
    faster engine than Keras, and features that are stored already, make them shorter.
    """
    steps.check_config(config)
    source = read_source(data, config.task)
    name = infer_task(source.table, source) if config.task == "auto" else config.task
    check_labels(source.table, name)
    table = source.table
    drawn = not (table["split"] != "").any()
    train = int(len(table) * (1 - TEST_SHARE) if drawn else (table["split"] == "train").sum())
    val_selects = {"val", "test"} <= set(table["split"])
    load_tensorflow()
    _sample(source, config, 2)  # the first examples build what resizes them
    begun = time.monotonic()
    examples = _sample(source, config, BATCH)
    check_skipped(examples, 0.9)
    reading = (time.monotonic() - begun) / len(examples) * len(table)
    task = make_task(name, list(table["label"]), np.ones(len(table), bool), source.targets)
    with steps.precision(config):
        model = steps.build(config, task)
        targets = task.encode(list(examples.table["label"]))
        taken = _training(model, task, targets, config, train, len(table), val_selects)
    return {"examples": len(table), "train": train, "seconds_reading": round(reading, 1), **taken}


def _sample(source, config, count):
    rows = np.linspace(0, len(source.table) - 1, min(count, len(source.table))).astype(int)
    some = replace(source, table=source.table.iloc[rows].reset_index(drop=True))
    size = find_size(config.base, config.image_size)
    examples = read_examples(some, size, config.resize, config.max_pixels)
    return examples


def _training(model, task, targets, config, train, total, val_selects):
    store = open_store(config.cache_features, config.feature_precision)
    set_trainable(model, "none")
    prefix, suffix = cut(model)
    speed = measure_speed(model, prefix, suffix, task, targets)
    changed = config.augment in ("light", "standard") and config.strategy == "feature_extraction"
    views = seeded_views(config.augment if changed else "none", config, recipes.LINEAR_VIEWS)
    count = total + (len(views) - 1) * train
    head = plan_storing(prefix, count, 1, 2, store.room, config.feature_precision)
    found = {
        "features": count,
        "seconds_features": round(count * speed.prefix, 1),
        "bytes_stored": head.bytes,
    }
    if config.strategy == "fine_tuning":
        _add_tuning(found, model, task, targets, config, train, val_selects, store.room)
    return found


def _add_tuning(found, model, task, targets, config, train, val_selects, room):
    fitted = train if val_selects else round(train * (1 - holdout_share(train)))
    recommend = recipes.from_scratch if config.weights == "none" else recipes.fine_tuning
    recipe = recommend(fitted, config.batch_size)
    times = trainings(train, config, val_selects)
    tuning = plan_tuning(model, task, config, recipe, train, times, room)
    speed = measure_speed(model, tuning.prefix, tuning.suffix, task, targets)
    epochs = config.epochs or recipe.epochs
    looks = epochs * (fitted + (times - 1) * train)  # at examples
    uncut = looks * speed.whole_step
    found |= {"epochs": epochs, "versions": len(tuning.views), "stored": tuning.plan.stored}
    if not tuning.plan.stored:
        found |= {"why_not_stored": tuning.plan.why, "seconds_training": round(uncut, 1)}
        return
    found["features"] += tuning.plan.count
    found["bytes_stored"] += tuning.plan.bytes
    found["seconds_features"] += round(tuning.plan.count * speed.prefix, 1)
    found["seconds_training"] = round(looks * speed.step, 1)
    found["seconds_training_unstored"] = round(uncut, 1)


def describe_plan(plan):
    """The plan as text for a person."""
    lines = [
        f"{plan['examples']} examples, {plan['train']} of them to train on; reading them takes "
        f"{plan['seconds_reading']:.0f} s",
        f"{plan['features']} features to compute, {plan['seconds_features']:.0f} s by Keras, less "
        f"where they are stored already; {plan['bytes_stored'] / 2**20:.1f} MiB to store",
    ]
    if "epochs" in plan:
        lines.append(f"tuning: {plan['epochs']} epochs, {plan['seconds_training']:.0f} s")
        if plan["stored"]:
            lines.append(
                f"  from {plan['versions']} stored versions of each example; running the base in "
                f"each epoch would take {plan['seconds_training_unstored']:.0f} s"
            )
        else:
            lines.append(f"  the base runs in each epoch: {plan['why_not_stored']}")
    return "\n".join(lines)
