"""Linear heads in closed form, for a handful of examples a class.

Each is found on features of length 1, where how much of everything there is in an image does not
count, and then folded into an ordinary linear layer on features as they are: divided by the mean
length of those that it learned from. That costs under 0.3 points (benchmarks/episodes.py).
"""

from typing import NamedTuple

import numpy as np

from keras_transfer.errors import unknown_name
from keras_transfer.inputs.common.arrays import take
from keras_transfer.strategies.common.judging import clearly_better, judge
from keras_transfer.strategies.common.solvers import SOLVERS, softmax

PENALTY = 0.3  # of ridge, on features of length 1
SHARPNESS = 15.0  # what scores are multiplied by before softmax; a temperature is fitted later
HINT = 1  # standard errors by which it has to be better to be named
FEW = 20  # examples a class, views counted, up to which ridge is tried beside an exact head
LINEAR_PENALTY = 0.1  # 1 / C of the logistic regression, on features of length 1


class ClosedForm(NamedTuple):
    """logits (n, classes) = features (n, f) @ kernel + bias."""

    kernel: np.ndarray  # (f, classes)
    bias: np.ndarray  # (classes,)

    def logits(self, features):
        """Logits (n, classes) of features (n, f)."""
        return features @ self.kernel + self.bias


def fit_closed_form(features, targets, classes, method="ridge", weights=None):
    """The ClosedForm head of a method.

    Args:
        features: (n, f), as the base gives them; targets: class numbers (n,), each of `classes`
            at least once.
        method: a key of METHODS; weights: (n,), how much each example counts; None for alike.

    Raises: UserError for an unknown method.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    features = np.asarray(features, np.float64).reshape(len(features), -1)
    weights = np.ones(len(features)) if weights is None else np.asarray(weights, np.float64)
    return METHODS[method](features, np.asarray(targets), classes, weights)


def ridge(features, targets, classes, weights):
    """Least squares towards one-hot targets, with an L2 penalty."""
    size, units = _lengths(features)
    solve = SOLVERS["ridge"].solve
    kernel, bias = next(solve(units, np.eye(classes)[targets], weights, (PENALTY,), classes))
    return ClosedForm(SHARPNESS * kernel / size, SHARPNESS * bias)


def prototypes(features, targets, classes, weights):
    """The nearest class mean of centred features (SimpleShot, arXiv:1911.04623: CL2N)."""
    centre, size, means = _centred_means(features, targets, classes, weights)
    kernel = 2 * SHARPNESS * means.T / size
    return ClosedForm(kernel, -SHARPNESS * (means**2).sum(axis=1) - centre @ kernel)


def cosine(features, targets, classes, weights):
    """The class mean of centred features at the smallest angle."""
    centre, size, means = _centred_means(features, targets, classes, weights)
    kernel = SHARPNESS * _lengths(means)[1].T / size
    return ClosedForm(kernel, -centre @ kernel)


def nearest_mean(features, targets, classes, weights):
    """The nearest class mean of features as they are (prototypical networks, arXiv:1703.05175)."""
    means = _means(features, targets, classes, weights)
    return ClosedForm(2 * means.T, -(means**2).sum(axis=1))


def linear(features, targets, classes, weights):
    """A multinomial logistic regression: no closed form, and twenty times slower."""
    size, units = _lengths(features)
    solve = SOLVERS["logistic"].solve
    kernel, bias = next(solve(units, targets, weights, (LINEAR_PENALTY,), classes))
    return ClosedForm(kernel / size, bias)


def few_shot_is_better(problem, head):
    """Whether ridge beats an exact head on few examples, in the folds of that head.

    Args:
        problem: the `exact_head.LinearProblem` of `head`, an `exact_head.Head`.
    """
    task, numbers = problem.task, problem.task.class_numbers(problem.targets)
    if numbers is None or np.bincount(numbers).mean() > FEW:
        return False
    targets, found = [], []
    for fit, held_out in head.folds:
        some = problem.features[fit], numbers[fit], len(task.outputs)
        solved = fit_closed_form(*some, weights=problem.weights[fit])
        found.append(softmax(solved.logits(problem.features[held_out])))
        targets.append(take(problem.targets, held_out))
    targets = np.concatenate(targets)
    ours, theirs = (judge(task, targets, np.concatenate(one)) for one in (found, head.unseen))
    return clearly_better(ours, theirs, by=HINT)


METHODS = {
    "ridge": ridge,
    "prototypes": prototypes,
    "cosine": cosine,
    "nearest_mean": nearest_mean,
    "linear": linear,
}


def _lengths(features):
    """(the mean length of features (n, f), the same features each of length 1)."""
    lengths = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return lengths.mean(), features / lengths


def _means(features, targets, classes, weights):
    """The mean of each class: (classes, f)."""
    shares = np.eye(classes)[targets] * weights[:, None]
    return (shares / shares.sum(axis=0)).T @ features


def _centred_means(features, targets, classes, weights):
    """(the centre (f,), the mean length about it, class means (classes, f) of centred units).

    The centre is the mean of the class means, so that no class pulls it by its number.
    """
    centre = _means(features, targets, classes, weights).mean(axis=0)
    size, units = _lengths(features - centre)
    return centre, size, _means(units, targets, classes, weights)
