"""What a model predicts for examples that did not train it, and how far from those these lie."""

import numpy as np

from keras_transfer.evaluate.neighbours import Neighbours
from keras_transfer.inputs.common.arrays import concatenate
from keras_transfer.model.pooled import has_pooled_features, pooled_features
from keras_transfer.strategies import Unseen
from keras_transfer.strategies.common.gradient import predict_inputs

MOST_REFERENCES = 2000  # examples that others are compared with
MOST_NUMBERS = 2**23  # of their features in all: 16 MB on disk


def out_of_fold(head, fetch, indices, dataset):
    """The Unseen of an exact head.

    Args:
        head: an `exact_head.Head` fitted to the examples at `indices`, and maybe to augmented
            views of them in further rows; fetch: indices -> pooled features (n, f), or None.
    """
    count, places, predictions, distances = len(indices), [], [], []
    fetch = _at_once(fetch, indices) if fetch and count <= MOST_REFERENCES else fetch
    for (fit, judge), found in zip(head.folds, head.unseen, strict=True):
        plain = judge < count
        fit, judge = fit[fit < count], judge[plain]
        places.append(judge)
        predictions.append(dataset.task.from_linear(found[plain]))
        if fetch:
            distances.append(_distances(fetch, indices[fit], indices[judge]))
    order = np.argsort(np.concatenate(places))
    far = np.concatenate(distances)[order] if fetch else None
    where = indices[np.concatenate(places)[order]]
    return Unseen(where, concatenate(predictions)[order], far, True)


def _at_once(fetch, indices):
    """`fetch` for some of the sorted `indices`, of which all are fetched now: each fold asks."""
    found = fetch(indices)
    return lambda some: found[np.searchsorted(indices, some)]


def on_holdout(model, network, fetch, dataset, predictions=None):
    """The Unseen of a training by gradient: of the holdout.

    Args:
        model: the whole; network: what trained, all of it or what lies above a cut.
        fetch: see `inputs`; predictions: for the holdout, where they are known.
    """
    fit, select = dataset.holdout.fit, dataset.holdout.select
    if predictions is None:
        predictions = predict_inputs(network, fetch, dataset.task)(select)
    distances = None
    if has_pooled_features(model):
        distances = _distances(_pooled(network, fetch), fit, select)
    return Unseen(select, predictions, distances, False)


def _pooled(network, fetch):
    """A function of indices: the pooled features (n, f) of these examples."""
    if has_pooled_features(network):
        return predict_inputs(pooled_features(network), fetch)
    return fetch  # what trains begins behind them


def _distances(pooled, fit, select):
    """Of the examples at `select` from those at `fit`; pooled: indices -> features (n, f)."""
    found = pooled(select)
    return Neighbours(pooled(fit[chosen_references(fit, found[0].size)])).distances(found)


def chosen_references(indices, size):
    """Places of at most so many of `indices` that others are compared with, evenly chosen.

    Args:
        size: how many numbers the features of one example are.
    """
    most = max(1, min(len(indices), MOST_REFERENCES, MOST_NUMBERS // size))
    return np.linspace(0, len(indices) - 1, most).astype(np.int64)
