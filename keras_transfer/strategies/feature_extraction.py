"""A head on the frozen base (Razavian et al. 2014, arXiv:1403.6382).

The base runs once over each example; a linear head is solved exactly, one with hidden layers is
trained on the stored features.
"""

import math

import numpy as np

from keras_transfer.model.cut import cut
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies import recipes
from keras_transfer.strategies.exact_head import fit_head
from keras_transfer.strategies.gradient import Inputs, make_plan, train_by_gradient


def feature_extraction(model, dataset, config):
    """Train the head of `model` on the frozen base.

    Args:
        model: from `model.build_model`; its base stays as it is.
        examples: `Dataset`.
        config: `TrainConfig`.

    Returns:
        (model, history): one dict a penalty that was tried, or an epoch.
    """
    set_trainable(model, "none")
    if config.hidden_units:
        return model, train_hidden_head(model, dataset, config)
    return model, solve_head(model, dataset, config, dataset.rows("train"))


def solve_head(model, dataset, config, rows):
    """Put the exact linear head for the examples `rows` into `model`; its history."""
    features, copies = _with_views(cut(model)[0], dataset, config, rows)
    seen = np.tile(rows, copies)
    head = fit_head(
        features,
        dataset.targets[seen],
        dataset.weights(seen, config.class_weight),
        dataset.examples.table["label"].to_numpy()[seen],
        dataset.groups(seen),  # the versions of one example stay on one side
        dataset.task,
        config.seed,
    )
    model.get_layer("head").set_weights([head.kernel, head.bias])
    return head.history


def _with_views(prefix, dataset, config, rows):
    """Features of `rows`, then of each seeded version of them; and how often each row is there."""
    changed = config.strategy == "feature_extraction" and config.augment != "auto"
    augmentation = config.augment if changed else "none"
    views = seeded_views(augmentation, config, recipes.LINEAR_VIEWS)
    store, examples = dataset.store, dataset.examples
    total = len(examples) + (len(views) - 1) * len(rows)  # the others are scored
    features = [store.features(prefix, examples, rows, view, total) for view in views]
    return features[0] if len(views) == 1 else np.concatenate(features), len(views)


def train_hidden_head(model, dataset, config):
    """Train a head with hidden layers on stored features; its history.

    How many epochs are enough is chosen on a part of train; then the head starts anew and trains
    so long on all of train, which costs little from stored features, unless time is limited.
    """
    rows, holdout, is_val = dataset.split_holdout(config.seed)
    start = model.get_weights()
    history, best = fit_hidden_head(model, dataset, config, rows, holdout)
    if not is_val and config.time_budget is None:
        model.set_weights(start)
        rows, nobody = dataset.rows("train"), np.array([], dtype=np.int64)
        fit_hidden_head(model, dataset, config, rows, nobody, best)
    return history


def fit_hidden_head(model, dataset, config, rows, holdout, epochs=None):
    """Train the head on `rows`; (history, best epoch). `epochs` fixes how long."""
    prefix, suffix = cut(model)
    inputs = stored_inputs(prefix, dataset, np.union1d(rows, holdout))
    plan = make_plan(config, recipes.hidden_head(len(rows), config.batch_size), dataset.begun)
    if epochs:
        plan = plan._replace(epochs=epochs, patience=math.inf)
    label = "Training the head"
    return train_by_gradient(suffix, inputs, dataset, rows, holdout, config, plan, label)


def stored_inputs(prefix, dataset, rows, views=(None,), changed=()):
    """Inputs that come from the store: what `prefix` makes of the examples `rows`.

    Args:
        views: versions of the examples (see `FeatureStore`) that training visits in turn, the
            plain one first: it is what judging asks for.
        changed: row numbers of which the other versions are wanted.
    """
    store, examples = dataset.store, dataset.examples
    total = len(rows) + (len(views) - 1) * len(changed)
    plain = store.table(prefix, examples, rows, expected=total)
    tables = [plain]
    for view in views[1:]:
        tables.append(store.table(prefix, examples, changed, view, expected=total))

    def fetch(wanted, epoch=None):
        if epoch is None or len(tables) == 1:
            return plain[wanted]
        turns = (epoch + wanted) % len(tables)  # an epoch has something of each version
        inputs = np.empty((len(wanted), *plain.shape[1:]), np.float32)
        for turn in np.unique(turns):
            inputs[turns == turn] = tables[turn][wanted[turns == turn]]
        return inputs

    return Inputs(fetch, plain.shape[1:])


def seeded_views(augmentation, config, views):
    """The versions of an example that a run looks at: the plain one, then seeded changed ones."""
    if augmentation == "none":
        return [None]
    count = config.views or views
    return [None, *((augmentation, config.seed, number) for number in range(1, count))]
