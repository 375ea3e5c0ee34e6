"""What a training is fed with: views of each example in turn, stored below a cut or raw.

Both kinds are a function (indices, epoch) -> arrays (n, ...), and show the same view of an example
in the same epoch; without an epoch the plain one. Their `source` gives the same to a pipeline.
"""

import numpy as np

from keras_transfer import progress
from keras_transfer.backend import device_count
from keras_transfer.data.pipeline import arrays_source, training_batches
from keras_transfer.data.raw_inputs import RawInputs, turns
from keras_transfer.errors import UserError
from keras_transfer.features.places import NoRoomError
from keras_transfer.features.plan import plan_storing
from keras_transfer.inputs import find_modality
from keras_transfer.inputs.common.arrays import concatenate, take
from keras_transfer.model.cut import cut
from keras_transfer.runtimes.keras import input_dtype
from keras_transfer.strategies.common.regularization import takes_one_hot


def views_of(augmentation, config, recommended, turned=True):
    """The views that training looks at: None for the plain example, then seeded ones.

    `turned` is that of the task.
    """
    if augmentation == "none":
        return [None]
    count = config.views or recommended
    augmentation = find_modality(config.modality).augmentation_for(augmentation, config, turned)
    return [None, *((augmentation, config.seed, number) for number in range(1, count))]


def check_views(config):
    """Refuse views that read each example anew for a training that may be fed without the store."""
    if config.augment in find_modality(config.modality).read_anew:
        raise UserError(
            "such views are for frozen bases: each reads the example anew",
            f"--augment {config.augment}",
            "Take light or standard",
        )


class StoredInputs:
    """Inputs that come from the store: what `prefix` makes of the examples at `indices`.

    A function (indices, epoch) -> arrays (n, ...); without an epoch of the plain examples.

    Args:
        views: of the examples, the plain one first: it is what judging asks for.
        augmented: indices of which the other views are wanted.
    """

    def __init__(self, prefix, dataset, features, indices, views=(None,), augmented=()):
        examples, self.views = dataset.examples, list(views)
        total = len(indices) + (len(views) - 1) * len(augmented)
        self.tables = [features.table(prefix, examples, indices, expected=total)]
        for view in views[1:]:
            self.tables.append(features.table(prefix, examples, augmented, view, expected=total))

    def __call__(self, indices, epoch=None):
        plain = self.tables[0]
        if epoch is None or len(self.tables) == 1:
            return plain[indices]
        shown, indices = turns(indices, epoch, len(self.tables)), np.asarray(indices)
        order = np.argsort(shown, kind="stable")  # what shows one view is read at once
        parts = [self.tables[turn][indices[shown == turn]] for turn in np.unique(shown)]
        return take(concatenate(parts), np.argsort(order, kind="stable"))

    def shown(self, indices, epoch):
        """The view of each example in an epoch, a list."""
        return [self.views[turn] for turn in turns(indices, epoch, len(self.views))]

    def source(self, signature):
        """The same as a `data.pipeline.Source`."""
        return arrays_source(self, signature)


def inputs_of(model, stage, looks, dataset, features, config):
    """(the network to train, what to feed it with) for a Stage whose part is set in `model`.

    It is what lies above the cut, fed from the store; or the whole network on raw examples, where
    that costs less or needs less memory.

    Args:
        looks: how often training looks at each example, in all stages with this cut.
    """
    prefix, _ = cut(model)
    train = dataset.indices("train")
    storing = plan_storing(
        prefix, len(train), len(stage.views), looks, features.room, config.feature_precision
    )
    if storing.stored:
        return stored_or_run(model, dataset, features, dataset.holdout.select, stage.views)
    progress.say(f"the base runs in each epoch: {storing.reason}")
    return model, RawInputs(dataset.examples, stage.views)


def stored_or_run(model, dataset, features, select, views):
    """(what lies above the cut of `model`, StoredInputs); where there is no room for these, (the
    whole network, RawInputs).

    Args:
        select: indices of examples to judge by; views: of those of train, the plain one first.
    """
    (prefix, suffix), train = cut(model), dataset.indices("train")
    try:
        indices = np.union1d(train, select)
        return suffix, StoredInputs(prefix, dataset, features, indices, views, train)
    except NoRoomError as error:
        progress.warn(f"the base runs in each epoch: {error}")
        return model, RawInputs(dataset.examples, views)


def batches_for(network, fetch, dataset, indices, config, epochs):
    """What `training_batches` gives for a network that trains on the examples at `indices`.

    Args:
        network: a `keras.Model` from what `fetch` gives to the task's outputs.
        fetch: RawInputs or StoredInputs; dataset: `data.dataset.Dataset`.
        config: gives batch_size, seed, class_weight, mixup.
    """
    targets, task, examples = take(dataset.targets, indices), dataset.task, dataset.examples

    def move(indices, epoch, targets):
        views = fetch.shown(indices, epoch)
        digests = examples.digests[indices]
        return task.move(targets, examples.modality.movements(digests, views, examples.spec))

    return training_batches(
        fetch.source([(tuple(one.shape[1:]), input_dtype(one)) for one in network.inputs]),
        indices,
        task.one_hot(targets) if takes_one_hot(config) else targets,
        dataset.weights(indices, config.class_weight),
        config,
        epochs,
        device_count(),
        move if task.needs_geometry else None,
    )
