"""The best linear head on fixed features, solved rather than trained; its penalty is selected by
cross-validation inside train (Kornblith et al. 2019, arXiv:1805.08974, section A.3).

Features are scaled by the root of their spread (Pareto scaling: van den Berg et al. 2006,
doi:10.1186/1471-2164-7-142), and the scaling is folded into the weights, so that the head is an
ordinary Dense layer. In cross-validation inside train it had a lower loss than standardising, and
than no scaling, on all of five sets of real images.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_transfer.data.splits import folds
from keras_transfer.strategies.common.solvers import SOLVERS

FOLDS = 5
MOST_FOR_SELECTION = 5000  # examples; more would cost minutes and hardly move the selection
COPIED_UP_TO = 5000  # examples; the features of more stay float32, and may be changed in place


class LinearProblem(NamedTuple):
    """What a linear head is fitted to.

    Attributes:
        features: float32 (n, ...), flattened.
        targets: what `task.encode` gives; weights: (n,), how much each example counts.
        strata, groups: (n,), what the folds are stratified by and what they keep together.
        task: gives `solver` and `outputs`; seed: draws the folds.
    """

    features: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    strata: list
    groups: np.ndarray
    task: Any
    seed: int


class Head(NamedTuple):
    kernel: np.ndarray  # (features, outputs)
    bias: np.ndarray  # (outputs,)
    history: list  # one row a penalty: penalty, the mean loss in cross-validation
    folds: list  # (indices of rows to fit, indices of rows to judge) of the cross-validation
    unseen: list  # of each fold: predictions for the rows judged, at the penalty that was selected


def fit_head(problem, in_place=False):
    """The Head of a LinearProblem, for features as they are given (not scaled).

    Args:
        in_place: whether the features may be overwritten; then many of them are not copied.
    """
    from threadpoolctl import threadpool_limits

    solver, few = SOLVERS[problem.task.solver], len(problem.features) <= COPIED_UP_TO
    mean, spread, rotated, basis = _scale(problem.features, copy=few or not in_place, double=few)
    targets = problem.task.linear_targets(problem.targets)
    solvable = problem._replace(features=rotated, targets=targets)
    # matrices this small gain nothing from threads, and on a busy machine lose a factor of 30
    with threadpool_limits(1 if few else None, user_api="blas"):
        parts = _folds(solvable)
        history, best, unseen = _cross_validate(solver, solvable, parts)
        coefficients, bias = next(_solve(solver, solvable, (best,)))
    kernel = (coefficients if basis is None else basis @ coefficients) / spread[:, None]
    return Head(kernel, bias - mean @ kernel, history, parts, unseen)


def _solve(solver, problem, penalties, indices=slice(None)):
    parts = (part[indices] for part in (problem.features, problem.targets, problem.weights))
    return solver.solve(*parts, penalties, len(problem.task.outputs))


def _scale(features, copy, double):
    """Mean, spread, the scaled features in a smaller basis, and that basis (None for their own).

    With fewer examples than features all of them lie in the span of the examples. An L2 penalty
    does not see rotations, so solving there gives the same head, several times faster.
    """
    scaled = features.reshape(len(features), -1)
    if copy:
        scaled = scaled.astype(np.float64 if double else np.float32)
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


def _cross_validate(solver, problem, parts):
    """Mean loss of each penalty over the folds, the strongest first, until it clearly rises.

    Returns:
        (history, the penalty with the lowest loss, its predictions for each fold).
    """
    history, lowest, best, unseen = [], np.inf, None, []
    heads = [(_solve(solver, problem, solver.penalties, fit), judge) for fit, judge in parts]
    for penalty in solver.penalties:
        loss, judged, predictions = 0.0, 0.0, []
        for solved, judge in heads:
            kernel, bias = next(solved)
            predictions.append(solver.activate(problem.features[judge] @ kernel + bias))
            losses = problem.task.linear_losses(problem.targets[judge], predictions[-1])
            loss += float((problem.weights[judge] * losses).sum())
            judged += problem.weights[judge].sum()
        loss = float(loss / judged)
        history.append({"penalty": penalty, "cross_validation_loss": loss})
        if best is None or loss < lowest:
            lowest, best, unseen = loss, penalty, predictions
        if _has_risen([row["cross_validation_loss"] for row in history]):
            break
    return history, best, unseen


def _folds(problem):
    """(indices to fit, indices to judge) of each fold, of at most MOST_FOR_SELECTION examples."""
    chosen = np.arange(len(problem.features))
    if len(chosen) > MOST_FOR_SELECTION:
        drawn = np.random.default_rng(problem.seed).permutation(chosen)
        chosen = np.sort(drawn[:MOST_FOR_SELECTION])
    strata, groups = [problem.strata[i] for i in chosen], problem.groups[chosen]
    in_each = problem.task.strata_in_each_fold
    parts = folds(strata, groups, FOLDS, problem.seed, in_each)
    return [(chosen[fit], chosen[judge]) for fit, judge in parts]


def _has_risen(losses):
    """Whether the last two losses are well above the best: weak penalties cost the most time."""
    return len(losses) > 2 and min(losses[-2:]) > 1.05 * min(losses)
