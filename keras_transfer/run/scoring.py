"""The scores of a fresh model on its own data: val and test, or else train by cross-validation."""

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import count
from keras_transfer.evaluate.splits import FEW, score_splits
from keras_transfer.features.predicting import predict_with_features
from keras_transfer.inputs.common.arrays import concatenate, take


def score_model(fitted, dataset, features, reliability, seed):
    """What `metrics.json` and `predictions.csv` hold of a trained model.

    Where the data has neither val nor test, train is scored: by models that had not seen the
    examples, where the strategy has some (by folds: `cross_validated`; or by a holdout that also
    selected); else, for want of any other, by the model itself, and that is named.

    Args:
        fitted: `strategies.Fitted`; reliability: `strategies.common.reliability.Reliability`.

    Returns:
        (the `splits` of metrics.json, {split: (indices, predictions)}).
    """
    used, found = {fitted.selected_on}, {}
    for split in ("val", "test"):
        indices = dataset.indices(split)
        if len(indices):
            found[split] = indices, _predict(fitted.model, dataset, features, indices)
    unseen = None if found else reliability.unseen
    cross_validated = unseen is not None and unseen.out_of_fold
    if unseen is not None:
        found["train"] = unseen.indices, unseen.predictions
        used -= {"train"} if cross_validated else set()  # folds of theirs selected nothing
    elif not found:
        indices = dataset.indices("train")
        found["train"] = indices, _predict(fitted.model, dataset, features, indices)
        used |= {"train"}
    scores = _scores(dataset, found, used, reliability.thresholds, seed)
    if cross_validated:
        scores["train"]["cross_validated"] = True
    _warn(scores, unseen is not None)
    return scores, found


def _predict(model, dataset, features, indices):
    return predict_with_features(model, dataset, features, indices)


def _scores(dataset, found, used, thresholds, seed):
    every = np.concatenate([indices for indices, _ in found.values()])
    return score_splits(
        dataset.task,
        dataset.examples.table.iloc[every],
        take(dataset.targets, every),
        concatenate([predictions for _, predictions in found.values()]),
        used,
        seed,
        thresholds,
    )


def _warn(scores, unseen):
    """Say where a score means little: of few examples, or of those that trained the model."""
    for split, score in scores.items():
        if split == "train" and not unseen:
            progress.warn(
                "there is no example to score but those that the model learned from: the score of "
                "train says nothing of new ones"
            )
        elif score["n"] < FEW:
            progress.warn(f"{split} has {count(score['n'], 'example')}: its score says little")
