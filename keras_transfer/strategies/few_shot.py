"""A head in closed form on the frozen base, for a handful of examples a class.

Ridge regression on features of length 1, or class means (SimpleShot: Wang et al. 2019,
arXiv:1911.04623). Nothing is selected, so one example a class is enough; where the rarest class has
fewer than ten and the data brings no split, all are trained on, and the score is cross-validated.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from keras_transfer.data.splits import folds
from keras_transfer.errors import UserError
from keras_transfer.model.cut import cut
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies import Fitted, Stage, facts_of
from keras_transfer.strategies.common import recipes
from keras_transfer.strategies.common.closed_form import PENALTY, fit_closed_form
from keras_transfer.strategies.common.exact_head import FOLDS, Head
from keras_transfer.strategies.common.inputs import views_of
from keras_transfer.strategies.common.solvers import softmax
from keras_transfer.strategies.common.unseen import out_of_fold


@dataclass(frozen=True, kw_only=True)
class Settings:
    method: Literal["ridge", "prototypes", "cosine"] = "ridge"
    """How few_shot finds its head: ridge regression on features of length 1, the nearest class
    mean, or the class mean at the smallest angle."""

    LEAST_EXAMPLES = 1
    ALL_TRAIN_BELOW = 10


def check(config):
    """Refuse settings without a meaning for a head in closed form."""
    for knob, neutral in (("hidden_units", ()), ("dropout", 0.0), ("mixup", 0.0)):
        if getattr(config, knob) != neutral:
            flag = "--" + knob.replace("_", "-")
            raise UserError(
                f"{flag} has no meaning for a head in closed form",
                getattr(config, knob),
                "Leave it out, or take --strategy feature_extraction",
            )
    if config.trainable not in ("auto", "none"):
        raise UserError(
            "--strategy few_shot keeps the whole base as it is",
            f"--trainable {config.trainable}",
            "Take --strategy fine_tuning",
        )


def stages(facts, config):
    """One: a head that is solved."""
    augmentation = "crop" if config.augment == "auto" else config.augment
    views = views_of(augmentation, config, recipes.FEW_SHOT_VIEWS)
    return [Stage("Solving the head", "none", False, views, facts.train)]


def fit(model, dataset, features, config):
    """Put the head for all of train into `model`, which `model.build_model` made."""
    set_trainable(model, "none")
    indices, numbers = dataset.indices("train"), class_numbers(dataset)
    prefix = cut(model)[0]

    def pooled(indices):
        return features.features(prefix, dataset.examples, indices)

    problem = FewExamples(
        mean_of_views(prefix, dataset, features, config),
        numbers[indices],
        dataset.weights(indices, config.class_weight),
        len(dataset.task.outputs),
        config.method,
    )
    head = problem.head()
    model.get_layer("head").set_weights([head.kernel, head.bias])
    parts = _folds(dataset, indices, config.seed)
    if not parts:
        return Fitted(model, [], "train")
    predictions = [problem.predictions(fit, judge) for fit, judge in parts]
    judged = Head(head.kernel, head.bias, _history(problem, parts, predictions), parts, predictions)
    unseen = out_of_fold(judged, pooled, indices, dataset)
    return Fitted(model, judged.history, "train", None, unseen)


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


def class_numbers(dataset):
    """The class of each example (n,); a UserError for a task without exclusive classes."""
    numbers = dataset.task.class_numbers(dataset.targets)
    if numbers is None:
        advice = "Take --strategy feature_extraction"
        raise UserError("--strategy few_shot needs one class an example", dataset.task.name, advice)
    return numbers


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
