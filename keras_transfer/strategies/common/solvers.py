"""Exact solvers of linear heads with an L2 penalty, from the strongest penalty to the weakest."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

STEPS = 400  # of the optimizer of a logistic regression


def logistic(features, targets, weights, penalties, classes):
    """Multinomial logistic regressions, each started from the one before.

    Args:
        features: (n, f); targets: class numbers (n,); weights: (n,).
        penalties: 1 / C of scikit-learn, strongest first; classes: how many there are.

    Yields: (kernel (f, classes), bias (classes,)) for each penalty, solved when asked for.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=STEPS, tol=1e-3, warm_start=True)
    for penalty in penalties:
        model.set_params(C=1 / penalty).fit(features, targets, sample_weight=weights)
        kernel = np.zeros((features.shape[1], classes))
        bias = np.full(classes, -30.0)  # a class that this fold lacks is not predicted
        if len(model.classes_) == 2:  # scikit-learn keeps one column: the difference of the two
            kernel[:, model.classes_] = np.stack([-model.coef_[0] / 2, model.coef_[0] / 2], axis=1)
            bias[model.classes_] = (-model.intercept_[0] / 2, model.intercept_[0] / 2)
        else:
            kernel[:, model.classes_] = model.coef_.T
            bias[model.classes_] = model.intercept_
        yield kernel, bias


def logistic_per_label(features, targets, weights, penalties, labels):
    """One logistic regression a label; one that is always there, or never, keeps its base rate."""
    columns = [_one_label(features, column, weights, penalties) for column in targets.T]
    for heads in zip(*columns, strict=True):  # generators: a penalty is solved when asked for
        yield np.stack([k for k, _ in heads], axis=1), np.array([b for _, b in heads])


def _one_label(features, column, weights, penalties):
    if column.min() == column.max():
        rate = np.clip(column.mean(), 1 / (len(column) + 2), 1 - 1 / (len(column) + 2))
        for _ in penalties:
            yield np.zeros(features.shape[1]), float(np.log(rate / (1 - rate)))
        return
    for kernel, bias in logistic(features, column.astype(np.int64), weights, penalties, 2):
        yield kernel[:, 1] - kernel[:, 0], float(bias[1] - bias[0])


def ridge(features, targets, weights, penalties, numbers):
    """Ridge regressions: alpha of scikit-learn is the penalty."""
    from sklearn.linear_model import Ridge

    for penalty in penalties:
        model = Ridge(alpha=penalty).fit(features, targets, sample_weight=weights)
        yield np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)


class Solver(NamedTuple):
    """How a linear head is solved.

    Attributes:
        solve: as `logistic`.
        penalties: strongest first.
        activate: logits (n, k) -> predictions.
    """

    solve: Callable
    penalties: tuple[float, ...]
    activate: Callable


def softmax(logits):
    """Probabilities (n, k) of logits (n, k)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _sigmoid(logits):
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -60, 60)))


INVERSE_C = tuple(10.0 ** (half / 2) for half in range(10, -3, -1))  # 1e5 .. 0.1
ALPHA = tuple(10.0 ** (half / 2) for half in range(12, -3, -1))  # 1e6 .. 0.03

SOLVERS = {
    "logistic": Solver(logistic, INVERSE_C, softmax),
    "logistic_per_label": Solver(logistic_per_label, INVERSE_C, _sigmoid),
    "ridge": Solver(ridge, ALPHA, lambda values: values),
}
