"""Meta-learning: what its strategies share. Settings, what trains on what, and the end."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.bases.build import describe_base, is_untrained
from keras_transfer.data.dataset import dataset_of_new_classes
from keras_transfer.data.episode_batches import ClassPool, Episode, class_pool
from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.errors import UserError, flag_of
from keras_transfer.model.cut import cut
from keras_transfer.model.pooled import has_pooled_features, pooled_features
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies import Fitted, Stage
from keras_transfer.strategies.common.batch_statistics import estimate_statistics
from keras_transfer.strategies.common.gradient import predict_inputs
from keras_transfer.strategies.common.inputs import (
    StoredInputs,
    check_views,
    inputs_of,
    views_of,
)
from keras_transfer.strategies.common.prototypes import prototype_head
from keras_transfer.strategies.common.recipes import MOST_VIEWS

RATE_UNTRAINED, RATE_PRETRAINED = 2e-3, 3e-4  # at their highest
LABEL = "Meta-training"
MEANINGLESS = {  # knob: its value where it is not asked for
    "hidden_units": (),
    "dropout": 0.0,
    "mixup": 0.0,
    "class_weight": "none",
    "epochs": None,
    "batch_size": None,
    "patience": None,
    "devices": 1,
}


@dataclass(frozen=True, kw_only=True)
class MetaLearningSettings:
    """Settings of all strategies that train on episodes."""

    ways: int | None = None
    """Classes of an episode; by default 30 for protonet and 5 for maml, or as many as there are."""
    shots: int = 1
    """Examples of each class of an episode to learn from."""
    queries: int = 3
    """Examples of each class of an episode to be asked about."""
    train_episodes: int = 3000
    """Episodes to train on."""
    episodes_a_step: int = 1
    """Episodes that one step of training sees together."""
    rotate_classes: bool = False
    """Make three further classes of each, its examples turned by 90, 180 and 270 degrees: for
    drawings and letters, where a turned one is another one."""

    method = "nearest_mean"  # by which episodes are scored: what the base was trained for

    LIMITS = {  # noqa: RUF012
        "ways": (2, 1000),
        "shots": (1, 1000),
        "queries": (1, 1000),
        "train_episodes": (1, 10**8),
        "episodes_a_step": (1, 1024),
    }


class EpisodeTraining(NamedTuple):
    """What a training on episodes works with.

    Attributes:
        network: what trains, from what `fetch` gives; fetch: see `inputs`.
        pool: ClassPool of train; judged: that of classes of val that train has not, or None.
        judged_fetch: as `fetch`, of the plain examples of val; None without classes of its own.
        steps: how many, of `a_step` episodes each; rate: of learning, at its highest.
    """

    network: Any
    fetch: Any
    pool: ClassPool
    judged: ClassPool | None
    judged_fetch: Any
    steps: int
    a_step: int
    rate: float


def check_settings(config):
    """Refuse settings without a meaning for episodes, and a base that does not train at all."""
    found = [name for name, value in MEANINGLESS.items() if getattr(config, name) != value]
    if found:
        what = f"{flag_of(found[0])} has no meaning for episodes"
        advice = "Leave it out; --train-episodes and --episodes-a-step say how long it trains"
        raise UserError(what, getattr(config, found[0]), advice)
    if config.trainable == "none":
        advice = "Name a part, or take --strategy feature_extraction"
        raise UserError("meta-learning trains the base", "--trainable none", advice)
    check_views(config)


def episode_stage(config, ways):
    """The Stage of a training on episodes; a step is an epoch there."""
    untrained = is_untrained(config.base, config.weights)
    part = config.trainable
    if part == "auto":
        part = "all" if untrained else describe_base(config.base).stage
    batch_norm = config.batch_norm == "trained" or (config.batch_norm == "auto" and untrained)
    steps = -(-config.train_episodes // config.episodes_a_step)
    augmentation = "light" if config.augment == "auto" else config.augment
    views = views_of(augmentation, config, min(MOST_VIEWS, steps))
    each = (config.ways or ways) * (config.shots + config.queries)
    return Stage(LABEL, part, batch_norm, views, config.episodes_a_step * each, steps)


def episode_training(model, dataset, features, config, stage, ways):
    """Set what trains in `model`; the EpisodeTraining of a Stage.

    Args:
        ways: classes of an episode where the user does not say, if there are so many.

    Raises: UserError where the task, the modality or the examples do not allow such episodes.
    """
    pool = train_pool(dataset, config, ways)
    if load_keras().backend.backend() != "tensorflow":
        found = f"KERAS_BACKEND={load_keras().backend.backend()}"
        raise UserError("meta-learning needs the TensorFlow backend", found, "Leave it out")
    if not has_pooled_features(model):
        raise UserError("meta-learning needs pooled features", model.name)
    set_trainable(model, stage.part, stage.batch_norm)
    if pool.episode.rotations > 1:  # what is turned is not what is stored
        network, fetch = model, RawInputs(dataset.examples, stage.views)
    else:
        looks = stage.epochs * stage.examples / len(dataset.indices("train"))
        network, fetch = inputs_of(model, stage, looks, dataset, features, config)
    untrained = is_untrained(config.base, config.weights)
    rate = config.learning_rate or (RATE_UNTRAINED if untrained else RATE_PRETRAINED)
    val = dataset_of_new_classes(dataset, "val")
    judged, plain = val_pool(val, pool.episode), val and RawInputs(val.examples, [None])
    if judged and network is not model:
        plain = StoredInputs(cut(model)[0], val, features, np.arange(len(val.examples)))
    steps = (stage.epochs, config.episodes_a_step)
    return EpisodeTraining(network, fetch, pool, judged, plain, *steps, rate)


def train_pool(dataset, config, ways):
    """The ClassPool of the training examples."""
    examples, train = dataset.examples, dataset.indices("train")
    rotations = examples.modality.rotations(examples.spec) if config.rotate_classes else 1
    if dataset.task.class_numbers(dataset.targets) is None:
        advice = "Take --strategy fine_tuning"
        raise UserError("episodes need one class an example", f"task {dataset.task.name}", advice)
    if config.rotate_classes and rotations < 2:
        shapes = ", ".join(" x ".join(map(str, one.shape)) for one in examples.spec.tensors)
        raise UserError("such inputs cannot be turned", f"--rotate-classes, {shapes}")
    episode = Episode(config.ways or 2, config.shots, config.queries, rotations)
    pool = class_pool(dataset, train, episode)
    if config.ways is None:
        most = min(ways, sum(pool.turns))
        pool = class_pool(dataset, train, episode._replace(ways=most))
    return pool


def val_pool(val, episode):
    """The ClassPool of the Dataset of val's own classes; None where they are too few."""
    if val is None:
        return None
    every = np.arange(len(val.examples))
    _, counts = np.unique(val.task.class_numbers(val.targets), return_counts=True)
    ways = min(episode.ways, int((counts >= episode.size).sum()))
    if ways < 2:
        return None
    return class_pool(val, every, episode._replace(ways=ways, rotations=1))


def finish(model, training, dataset, history):
    """The Fitted of a model that was trained on episodes: an ordinary classifier of its classes.

    Its norms get the statistics of training examples, its head their class means. Both are made
    of what trained, so they say nothing of unseen examples, and no confidence is set right by them.
    """
    train, network = dataset.indices("train"), training.network
    estimate_statistics(network, training.fetch, train)
    pooled = predict_inputs(pooled_features(network), training.fetch)(train)
    numbers = dataset.task.class_numbers(dataset.targets)[train]
    kernel, bias = prototype_head(pooled, numbers, dataset.task)
    model.get_layer("head").set_weights([kernel, bias])
    return Fitted(model, history, "train" if training.judged is None else "val")
