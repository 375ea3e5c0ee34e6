"""`--plan`: what a run will take in time and disk, measured on a few of its examples."""

import time
from dataclasses import replace

import numpy as np

from keras_transfer.backend import precision_and_seed
from keras_transfer.bases.build import input_spec
from keras_transfer.data.class_splits import learned_table, with_class_splits
from keras_transfer.data.dataset import draw_holdout, make_dataset
from keras_transfer.data.examples import check_skipped, read_examples
from keras_transfer.data.sources.specs import read_source
from keras_transfer.data.splits import check_labels, complete_splits
from keras_transfer.features.plan import measure_speed, plan_storing
from keras_transfer.features.store import open_store
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_for
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies import Facts, find_strategy, settle_config
from keras_transfer.strategies.common.batch_size import settle_batch_size
from keras_transfer.strategies.common.hyper_rule import choices
from keras_transfer.tasks import find_task

MEASURED = 32  # examples to measure on


def plan_run(data, config):
    """What the run of `config` on `data` will take, as a dict of numbers and reasons.

    No run is begun. Times are from a batch of the examples on this machine as it is now; a
    faster runtime than Keras, and features that are stored already, make them shorter.
    """
    source = read_source(data, config.task, config.modality)
    config = settle_config(config, source)
    spec = input_spec(config)
    source = with_class_splits(source, config)
    source = replace(source, table=learned_table(source.table, config).reset_index(drop=True))
    least, kept = config.LEAST_EXAMPLES, config.kept_classes
    check_labels(source.table, find_task(source.task), least, kept)
    facts, sample, reading = _look(source, spec, config)
    features = open_store(config.cache_features, config.feature_precision)
    with precision_and_seed(config.precision, config.seed):
        model = build_for(sample, config)
        config = settle_batch_size(model, sample, features, config, facts)
        stages = find_strategy(config.strategy).stages(facts, config)
        planned = [
            _measure(model, stage, stages, sample, facts, config, features.room) for stage in stages
        ]
    chosen = [choice._asdict() for choice in choices(facts, config, stages)]
    names = ("features", "seconds_features", "bytes_stored", "seconds_training")
    return {
        "examples": facts.total,
        "train": facts.train,
        "seconds_reading": round(reading * facts.total, 1),
        **{name: round(sum(stage[name] for stage in planned), 1) for name in names},
        "settings": chosen,
        "stages": planned,
    }


def _look(source, spec, config):
    """(Facts, the Dataset of a few examples, seconds of reading one)."""
    task = find_task(source.task)
    labels = list(source.table["label"])
    table = source.table
    if config.split_by == "example":
        below = config.ALL_TRAIN_BELOW
        table = complete_splits(table, task.strata(labels), config.seed, below)
    in_train = (table["split"] == "train").to_numpy()
    fitted = task.from_labels(labels, in_train, source.numbers)
    _sample(source, spec, table, 2)  # the first examples build what resizes them
    begun = time.monotonic()
    examples = _sample(source, spec, table, MEASURED)
    seconds = (time.monotonic() - begun) / max(1, len(examples))
    check_skipped(examples, 0.9)
    holdout = draw_holdout(table, fitted, config.seed, config.LEAST_EXAMPLES < 2)
    facts = Facts(len(table), int(in_train.sum()), len(holdout.fit), holdout.split, fitted)
    return facts, make_dataset(examples, fitted, holdout), seconds


def _sample(source, spec, table, count):
    places = np.linspace(0, len(table) - 1, min(count, len(table))).astype(int)
    some = replace(source, table=table.iloc[places].reset_index(drop=True))
    return read_examples(some, spec)


def _measure(model, stage, stages, sample, facts, config, room):
    """One stage as a dict: what it computes, stores and takes."""
    set_trainable(model, stage.part, stage.batch_norm)
    prefix, suffix = cut(model)
    alike = [other for other in stages if other.part == stage.part]
    looks = sum(other.epochs for other in alike) or len(stage.views)
    storing = plan_storing(
        prefix, facts.train, len(stage.views), looks, room, config.feature_precision
    )
    inputs = sample.examples.batch(range(len(sample.examples)))
    speed = measure_speed(model, prefix, suffix, sample.task, inputs, sample.targets)
    first = storing.stored and stage is alike[0]
    # of a frozen base the examples that are scored are computed as well
    others = facts.total - facts.train if stage.part == "none" else 0
    features = storing.count + others if first else 0
    seen = stage.epochs * stage.examples
    return {
        "name": stage.name,
        "part": stage.part,
        "views": len(stage.views),
        "examples": stage.examples,
        "epochs": stage.epochs,
        "stored": storing.stored,
        "reason": storing.reason,
        "features": features,
        "bytes_stored": storing.bytes if first else 0,
        "seconds_features": round(features * speed.prefix, 1),
        "seconds_training": round(seen * (speed.step if storing.stored else speed.whole_step), 1),
        "seconds_training_unstored": round(seen * speed.whole_step, 1),
    }
