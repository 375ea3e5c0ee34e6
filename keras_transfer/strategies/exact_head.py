"""The best linear head on fixed features, solved rather than trained; penalty chosen inside train.

Features are scaled by the root of their spread (Pareto scaling: van den Berg et al. 2006,
doi:10.1186/1471-2164-7-142), and the scaling is folded into the weights, so that the head is an
ordinary Dense layer. In cross-validation inside train it had a lower loss than standardising, and
than no scaling, on all of five sets of real examples.

Multinomial logistic regression (classification), one logistic regression a label (multilabel),
ridge (regression), each with an L2 penalty whose penalty cross-validation inside train picks
(Kornblith et al. 2019, arXiv:1805.08974, section A.3).
"""

from typing import NamedTuple

import numpy as np

from keras_transfer.data.splits import folds

PENALTIES = tuple(10.0 ** (half / 2) for half in range(-10, 3))  # C: 1e-5 .. 10
RIDGE_PENALTIES = tuple(10.0 ** (half / 2) for half in range(12, -3, -1))  # 1e6 .. 0.03
FOLDS = 5
MOST_FOR_SELECTION = 5000  # examples; more would cost minutes and hardly move the choice
MANY = 5000  # examples; of more the features stay float32, since their copies fill the memory
STEPS = 400


class Head(NamedTuple):
    kernel: np.ndarray  # (features, outputs)
    bias: np.ndarray  # (outputs,)
    history: list  # one row a penalty: penalty, the mean loss in cross-validation


def fit_head(features, targets, weights, labels, groups, task, seed):
    """Fit the head on `features`.

    Args:
        features: float32 (n, ...), flattened; of more than MANY they are changed in place.
        targets: what `task.encode` gave, (n,) or (n, k).
        weights: (n,), how much each example counts.
        labels, groups: (n,), what the folds are stratified by and what they keep together.
        task: one of `tasks`; seed: draws the folds.

    Returns:
        Head, for features as they are given (not scaled).
    """
    from threadpoolctl import threadpool_limits

    mean, spread, rotated, basis = _scale(features)
    solve, penalties = SOLVERS[task.name]
    targets = _solvable(task, targets)
    # matrices this small gain nothing from threads, and on a busy machine lose a factor of 30
    with threadpool_limits(1 if len(features) <= MOST_FOR_SELECTION else None, user_api="blas"):
        history = _choose(solve, penalties, rotated, targets, weights, labels, groups, task, seed)
        best = min(history, key=lambda row: row["cross_validation_loss"])["penalty"]
        solved = solve(rotated, targets, weights, (best,), len(task.outputs))
        coefficients, bias = next(solved)
    kernel = (coefficients if basis is None else basis @ coefficients) / spread[:, None]
    return Head(kernel, bias - mean @ kernel, history)


def _solvable(task, targets):
    """Regression is solved in units of its spread: the output layer scales back."""
    if task.scale is None:
        return targets
    return (targets - np.array(task.offset)) / np.array(task.scale)


def _scale(features):
    """Mean, spread, the scaled features in a smaller basis, and that basis (None for their own).

    With fewer examples than features all of them lie in the span of the examples. An L2 penalty
    does not see rotations, so solving there gives the same head, several times faster.
    """
    # of many examples they are most of what a run holds in memory, and each copy as much again
    scaled = features.reshape(len(features), -1)
    if len(scaled) <= MANY:
        scaled = scaled.astype(np.float64)
    mean = scaled.mean(axis=0, dtype=np.float64)
    scaled -= mean.astype(scaled.dtype)
    squares = np.einsum("ij,ij->j", scaled, scaled) / len(scaled)
    spread = squares**0.25
    spread = np.where(spread > 1e-4, spread, 1.0)
    # a penalty means the same for every base
    size = max(np.sqrt((squares / spread**2).mean()), 1e-12)
    spread *= size
    scaled /= spread.astype(scaled.dtype)
    if len(scaled) >= scaled.shape[1]:
        return mean, spread, scaled, None
    basis, triangle = np.linalg.qr(scaled.T)
    return mean, spread, np.ascontiguousarray(triangle.T), basis


def _choose(solve, penalties, features, targets, weights, labels, groups, task, seed):
    """Mean loss of each penalty over the folds, weakest head first, until it clearly rises."""
    rows = np.arange(len(features))
    if len(rows) > MOST_FOR_SELECTION:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_FOR_SELECTION])
    trials = []
    for fit, judge in folds(labels[rows], groups[rows], FOLDS, seed, task.name):
        fit, judge = rows[fit], rows[judge]
        heads = solve(features[fit], targets[fit], weights[fit], penalties, len(task.outputs))
        trials.append((heads, judge))
    history = []
    for penalty in penalties:
        loss = judged = 0.0
        for heads, judge in trials:
            kernel, bias = next(heads)
            predictions = ANSWERS[task.activation](features[judge] @ kernel + bias)
            loss += _loss(task, targets[judge], predictions, weights[judge])
            judged += weights[judge].sum()
        history.append({"penalty": penalty, "cross_validation_loss": float(loss / judged)})
        if _has_risen([row["cross_validation_loss"] for row in history]):
            break
    return history


def _has_risen(losses):
    """Whether the last two losses are well above the best: stronger heads cost the most time."""
    return len(losses) > 2 and min(losses[-2:]) > 1.05 * min(losses)


def _loss(task, targets, predictions, weights):
    if task.scale is None:
        return float((weights * task.log_losses(targets, predictions)).sum())
    return float((weights * ((targets - predictions) ** 2).mean(axis=1)).sum())


def _softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _sigmoid(logits):
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -60, 60)))


ANSWERS = {"softmax": _softmax, "sigmoid": _sigmoid, "linear": lambda logits: logits}


def _logistic(features, targets, weights, penalties, classes):
    """Multinomial logistic regressions, weakest first, each started from the one before."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=STEPS, tol=1e-3, warm_start=True)
    for penalty in penalties:
        model.set_params(C=penalty).fit(features, targets, sample_weight=weights)
        kernel = np.zeros((features.shape[1], classes))
        bias = np.full(classes, -30.0)  # a class that this fold lacks is not predicted
        if len(model.classes_) == 2:  # scikit-learn keeps one column: the difference of the two
            kernel[:, model.classes_] = np.stack([-model.coef_[0] / 2, model.coef_[0] / 2], axis=1)
            bias[model.classes_] = (-model.intercept_[0] / 2, model.intercept_[0] / 2)
        else:
            kernel[:, model.classes_] = model.coef_.T
            bias[model.classes_] = model.intercept_
        yield kernel, bias


def _one_a_label(features, targets, weights, penalties, labels):
    """One logistic regression a label; a label without both answers keeps its base rate."""
    columns = [_one_label(features, column, weights, penalties) for column in targets.T]
    for heads in zip(*columns, strict=True):  # generators: a penalty is solved when asked for
        yield np.stack([k for k, _ in heads], axis=1), np.array([b for _, b in heads])


def _one_label(features, column, weights, penalties):
    if column.min() == column.max():
        rate = np.clip(column.mean(), 1 / (len(column) + 2), 1 - 1 / (len(column) + 2))
        for _ in penalties:
            yield np.zeros(features.shape[1]), float(np.log(rate / (1 - rate)))
        return
    for kernel, bias in _logistic(features, column.astype(np.int64), weights, penalties, 2):
        yield kernel[:, 1] - kernel[:, 0], float(bias[1] - bias[0])


def _ridge(features, targets, weights, penalties, numbers):
    from sklearn.linear_model import Ridge

    for penalty in penalties:
        model = Ridge(alpha=penalty).fit(features, targets, sample_weight=weights)
        yield np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)


SOLVERS = {
    "classification": (_logistic, PENALTIES),
    "multilabel": (_one_a_label, PENALTIES),
    "regression": (_ridge, RIDGE_PENALTIES),
}
