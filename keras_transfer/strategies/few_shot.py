"""A head in closed form on the frozen base, for a handful of examples a class.

Ridge regression on features of length 1, or class means (SimpleShot: Wang et al. 2019,
arXiv:1911.04623). Nothing is selected, so one example a class is enough; where the rarest class has
fewer than ten and the data brings no split, all are trained on, and the score is cross-validated.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from keras_transfer.data.dataset import make_dataset
from keras_transfer.data.splits import folds
from keras_transfer.errors import UserError, flag_of
from keras_transfer.model.cut import cut
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies import Fitted, Stage, facts_of
from keras_transfer.strategies.common import recipes
from keras_transfer.strategies.common.closed_form import PENALTY, fit_closed_form
from keras_transfer.strategies.common.exact_head import COPIED_UP_TO, FOLDS, Head
from keras_transfer.strategies.common.inputs import views_of
from keras_transfer.strategies.common.kept_classes import (
    join_kept,
    read_kept,
    same_place,
    say_what_stays,
)
from keras_transfer.strategies.common.solvers import softmax
from keras_transfer.strategies.common.unseen import out_of_fold
from keras_transfer.strategies.feature_extraction import check_frozen


@dataclass(frozen=True, kw_only=True)
class Settings:
    method: Literal["ridge", "prototypes", "cosine", "nearest_mean"] = "ridge"
    """How few_shot finds its head: ridge regression on features of length 1; the nearest mean of a
    class's centred features of length 1, or that at the smallest angle; or the nearest mean of
    features as they are, for bases that protonet trained."""
    keep_classes: str = ""
    """A run whose classes are predicted as well, learned from features that it kept; --weights has
    to name it too."""

    LEAST_EXAMPLES = 1
    ALL_TRAIN_BELOW = 10

    @property
    def kept_classes(self):
        kept = read_kept(self.keep_classes).labels.tolist() if self.keep_classes else ()
        return tuple(sorted(set(kept)))


def check(config):
    """Refuse settings without a meaning for a head in closed form."""
    for knob, neutral in (("hidden_units", ()), ("dropout", 0.0), ("mixup", 0.0)):
        if getattr(config, knob) != neutral:
            raise UserError(
                f"{flag_of(knob)} has no meaning for a head in closed form",
                getattr(config, knob),
                "Leave it out, or take --strategy feature_extraction",
            )
    named = isinstance(config.base, str)  # a network of the user's own brings its weights
    if config.keep_classes and named and not same_place(config.weights, config.keep_classes):
        found = f"--keep-classes {config.keep_classes}, --weights {config.weights}"
        advice = "Name that run in both, or take keras-transfer adapt"
        raise UserError("features that a run kept are those of its own base", found, advice)
    check_frozen(config)


def stages(facts, config):
    """One: a head that is solved."""
    augmentation = "crop" if config.augment == "auto" else config.augment
    views = views_of(augmentation, config, recipes.FEW_SHOT_VIEWS)
    return [Stage("Solving the head", "none", False, views, facts.train)]


def prepare(dataset, config):
    """The Dataset with the classes of an earlier run among its own, where they are kept."""
    if not config.keep_classes:
        return dataset
    _check_classes(dataset)
    names = {*config.kept_classes, *dataset.task.outputs}
    task = dataset.task.from_outputs(tuple(sorted(names)))
    made = make_dataset(dataset.examples, task, dataset.holdout)
    return replace(made, new_classes=dataset.new_classes)


def fit(model, dataset, features, config):
    """Put the head for all of train into `model`, which `model.build_model` made."""
    from threadpoolctl import threadpool_limits

    set_trainable(model, "none")
    _check_classes(dataset)
    indices, prefix = dataset.indices("train"), cut(model)[0]

    def pooled(indices):
        return features.features(prefix, dataset.examples, indices)

    problem, kept = _problem(prefix, dataset, features, config)
    parts = _folds(dataset, indices, config.seed)
    # matrices this small gain nothing from threads, and on a busy machine lose a factor of 30
    with threadpool_limits(1 if len(problem.numbers) <= COPIED_UP_TO else None, user_api="blas"):
        head = problem.head()
        if kept:
            others = np.arange(len(indices), len(problem.numbers))
            parts = [(np.concatenate([fit, others]), judge) for fit, judge in parts]
            say_what_stays(problem, len(indices), config.seed)
        predictions = [problem.predictions(fit, judge) for fit, judge in parts]
    model.get_layer("head").set_weights([head.kernel, head.bias])
    if not parts:
        return Fitted(model, [], "train", kept=kept)
    history = _history(problem, parts, predictions)
    judged = Head(head.kernel, head.bias, history, parts, predictions)
    unseen = out_of_fold(judged, pooled, indices, dataset)
    return Fitted(model, history, "train", None, unseen, kept)


def _check_classes(dataset):
    """Refuse a task without exclusive classes."""
    if not dataset.task.has_exclusive_classes():
        advice = "Take --strategy feature_extraction"
        raise UserError("--strategy few_shot needs one class an example", dataset.task.name, advice)


def _problem(prefix, dataset, features, config):
    """(FewExamples: the training examples and what an earlier run kept, those TrainingFeatures)."""
    indices, task = dataset.indices("train"), dataset.task
    problem = FewExamples(
        mean_of_views(prefix, dataset, features, config),
        task.class_numbers(dataset.targets)[indices],
        dataset.weights(indices, config.class_weight),
        len(task.outputs),
        config.method,
    )
    if not config.keep_classes:
        return problem, None
    kept = read_kept(config.keep_classes, problem.features.shape[1])
    return join_kept(problem, kept, task), kept


class FewExamples(NamedTuple):
    """What a head in closed form is found for.

    Attributes:
        features: (n, f); numbers: their classes (n,); weights: (n,).
        classes: how many there are; method: a key of `closed_form.METHODS`.
    """

    features: np.ndarray
    numbers: np.ndarray
    weights: np.ndarray
    classes: int
    method: str

    def head(self, indices=slice(None)):
        """The ClosedForm head for these examples, or some of them."""
        parts = (part[indices] for part in (self.features, self.numbers))
        return fit_closed_form(*parts, self.classes, self.method, self.weights[indices])

    def predictions(self, fit, judge):
        """Probabilities (m, classes) for the examples at `judge`, learned from those at `fit`."""
        return softmax(self.head(fit).logits(self.features[judge]))


def mean_of_views(prefix, dataset, features, config):
    """Features (n, f) of the training examples, the mean over their views."""
    indices, views = dataset.indices("train"), stages(facts_of(dataset), config)[0].views
    total = len(dataset.examples) + (len(views) - 1) * len(indices)
    found = [features.features(prefix, dataset.examples, indices, v, total) for v in views]
    return np.mean(found, axis=0, dtype=np.float64).reshape(len(indices), -1)


def _folds(dataset, indices, seed):
    """Folds of the training examples; none where each class has a single one."""
    strata = dataset.strata(indices)
    if len(set(strata)) == len(strata):
        return []
    return folds(strata, dataset.groups(indices), FOLDS, seed)


def _history(problem, parts, predictions):
    """One row: the penalty, which is given, and the loss in cross-validation."""
    right = [
        found[np.arange(len(found)), problem.numbers[judge]]
        for (_, judge), found in zip(parts, predictions, strict=True)
    ]
    loss = -np.log(np.clip(np.concatenate(right), 1e-7, 1.0)).mean()
    penalty = PENALTY if problem.method == "ridge" else 0.0
    return [{"penalty": penalty, "cross_validation_loss": float(loss)}]
