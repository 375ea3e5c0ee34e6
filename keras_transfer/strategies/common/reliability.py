"""How far a trained model's predictions can be relied on: temperature, unsure, unlike training.

All of it is settled on predictions of models that did not train on the examples (`Unseen`).
"""

from typing import Any, NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import UserError
from keras_transfer.evaluate.unsure import choose_threshold, is_useful, score_threshold
from keras_transfer.features.places import NoRoomError
from keras_transfer.inputs.common.arrays import take
from keras_transfer.model.cut import cut
from keras_transfer.model.pooled import POOL, has_pooled_features, pooled_features
from keras_transfer.model.training_features import TrainingFeatures
from keras_transfer.runtimes.batching import BATCH_SIZE, predict_examples
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.strategies.common.temperature import (
    clearly_lowers_loss,
    fit_temperature,
    set_temperature,
)
from keras_transfer.strategies.common.unseen import chosen_references

PERCENTILE = 95  # of the distances of unseen examples: one beyond it is unlike training


class Reliability(NamedTuple):
    """What is known of a model's predictions besides their scores.

    Attributes:
        record: what `reliability.json` holds.
        thresholds: what predictions are decided by, for the ModelSpec.
        kept: `model.training_features.TrainingFeatures`: what new examples are compared with;
            None of a model without pooled features.
        unseen: the `strategies.Unseen` with the temperature in its predictions; None without any.
    """

    record: dict
    thresholds: dict
    kept: Any
    unseen: Any = None


def settle(fitted, dataset, features, config):
    """Fold a temperature into the head of `fitted.model`; the Reliability of its predictions."""
    unseen, task = fitted.unseen, dataset.task
    kept = _training_features(fitted, dataset, features)
    if unseen is None or not len(unseen.indices):
        return Reliability({}, {}, kept)
    targets = take(dataset.targets, unseen.indices)
    temperature, predictions = _temperature(fitted.model, task, targets, unseen)
    unsure = _unsure(dataset, unseen, targets, predictions, config)
    chosen = _task_thresholds(task, targets, predictions, config)
    distant = None
    if unseen.distances is not None:
        distant = {
            "threshold": float(np.percentile(unseen.distances, PERCENTILE)),
            "percentile": PERCENTILE,
        }
    record = {
        "schema": 1,
        "split": dataset.splits[unseen.indices[0]],
        "examples": len(unseen.indices),
        "out_of_fold": unseen.out_of_fold,
        "temperature": temperature,
        "unsure": unsure,
        "thresholds": chosen,
        "unlike_training": distant,
    }
    thresholds = {"task": chosen}
    if unsure:
        thresholds["unsure"] = unsure["threshold"]
    if distant:
        thresholds["unlike_training"] = distant["threshold"]
    return Reliability(record, thresholds, kept, unseen._replace(predictions=predictions))


def _task_thresholds(task, targets, predictions, config):
    """What the task decides by; a warning where these examples do not allow it.

    Settings were checked before training; what was trained since is worth more than a threshold.
    """
    try:
        return task.choose_thresholds(targets, predictions, config)
    except UserError as error:
        progress.warn(f"no threshold is chosen: {error}")
        return {}


def _temperature(model, task, targets, unseen):
    """(the temperature that `model` now has or None, the unseen predictions with it).

    A network trained by gradient is nearly always too sure. It is never made surer: of a few dozen
    examples of which none is wrong the best temperature is near 0. The penalty of a solved head
    was selected by the same loss: another temperature than 1 has to be clearly better.
    """
    predictions = unseen.predictions
    if task.tempered(predictions, 1.0) is None:
        return None, predictions
    temperature = fit_temperature(task, targets, predictions)
    if not unseen.out_of_fold:
        temperature = max(temperature, 1.0)
    elif not clearly_lowers_loss(task, targets, predictions, temperature):
        temperature = 1.0
    set_temperature(model, temperature)
    return temperature, task.tempered(predictions, temperature)


def _unsure(dataset, unseen, targets, predictions, config):
    """Below which confidence predictions are unsure, and what it costs; None of some tasks."""
    task = dataset.task
    confidence = task.confidence(predictions)
    if confidence is None:
        return None
    wrong = task.wrong(targets, predictions)
    threshold = choose_threshold(confidence, wrong, config.error_rate)
    groups = dataset.groups(unseen.indices)
    scores = score_threshold(confidence, wrong, threshold, groups, config.seed)
    if threshold is None:
        progress.warn(f"no confidence keeps errors at --error-rate {config.error_rate:g} or under")
    elif not is_useful(scores):
        progress.warn(
            f"at --error-rate {config.error_rate:g} only {scores['coverage']['value']:.0%} of "
            "predictions are sure enough: of no use"
        )
    useful = is_useful(scores)
    return {"error_rate": config.error_rate, "threshold": threshold, **scores, "useful": useful}


def _training_features(fitted, dataset, features):
    """Features of training examples that new ones are compared with, and those kept from before."""
    if not has_pooled_features(fitted.model):
        return None
    train, model = dataset.indices("train"), fitted.model
    some = train[chosen_references(train, model.get_layer(POOL).output.shape[-1])]
    found = _pooled(model, dataset, features, some)
    texts = map(dataset.task.label_text, dataset.examples.table["label"].iloc[some])
    labels = np.array([str(text) for text in texts], np.str_)
    if fitted.kept is not None:
        found = np.concatenate([fitted.kept.features, found])
        labels = np.concatenate([fitted.kept.labels, labels])
    return TrainingFeatures(found, labels)


def _pooled(model, dataset, features, some):
    """Pooled features float16 (m, f) of the examples at `some`."""
    prefix, suffix = cut(model)
    if prefix.layers[-1].name == POOL:
        return features.features(prefix, dataset.examples, some).astype(np.float16)
    if prefix.weights:
        try:
            # mostly there already: what trained saw them
            stored = features.table(prefix, dataset.examples, some)
            return _in_batches(KerasRuntime(pooled_features(suffix)), stored, some)
        except NoRoomError as error:
            progress.say(f"features of training examples are computed from the start: {error}")
    runtime = KerasRuntime(pooled_features(model))
    found = predict_examples(runtime, dataset.examples, some, "Features of training examples")
    return found.astype(np.float16)


def _in_batches(runtime, table, indices):
    parts = np.array_split(indices, range(BATCH_SIZE, len(indices), BATCH_SIZE))
    return np.concatenate([runtime(table[part]) for part in parts]).astype(np.float16)
