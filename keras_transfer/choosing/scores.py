"""How well a base's features suit some labels, in closed form: no training, no split.

Ridge regression on features of length 1 towards the targets, each example predicted without it.
With the singular value decomposition of the centred features all penalties and all examples cost
one decomposition (Golub, Heath, Wahba 1979, doi:10.1080/00401706.1979.10489751).
"""

from typing import NamedTuple

import numpy as np

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class LeaveOneOut(NamedTuple):
    """What ridge regression leaves unexplained.

    Attributes:
        errors: (n,) squared error of each example, as a share of the mean variance: 1 is what the
            mean of the others explains.
        penalty: the best of PENALTIES.
    """

    errors: np.ndarray
    penalty: float

    @property
    def score(self):
        """The share of the variance that is explained; the higher, the better."""
        return float(1 - self.errors.mean())


def leave_one_out(features, targets, groups=None):
    """The LeaveOneOut of features for targets.

    Args:
        features: (n, ...), as the base gives them; targets: numbers (n,) or (n, k), one-hot of
            classes.
        groups: (n,) names; those of one group are left out together. None: each on its own.
    """
    units = _units(np.asarray(features, np.float64).reshape(len(features), -1))
    targets = np.asarray(targets, np.float64).reshape(len(units), -1)
    targets = targets - targets.mean(axis=0)
    variance = max((targets**2).sum(axis=1).mean(), 1e-12)
    basis, squares = _basis(units - units.mean(axis=0))
    projected = basis.T @ targets
    parts = _parts(groups, len(units))
    found = []
    for penalty in PENALTIES:
        shrunk = squares / (squares + penalty)
        residuals = targets - basis @ (shrunk[:, None] * projected)
        errors = _unseen_errors(residuals, basis, shrunk, parts) / variance
        found.append(LeaveOneOut(errors, penalty))
    return min(found, key=lambda one: one.errors.mean())


def _units(features):
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _basis(centred):
    """(left singular vectors (n, r), squared singular values (r,)), by the smaller of two sides."""
    if len(centred) <= centred.shape[1]:
        squares, basis = np.linalg.eigh(centred @ centred.T)
        return basis, np.maximum(squares, 0)
    squares, right = np.linalg.eigh(centred.T @ centred)
    squares = np.maximum(squares, 0)
    return centred @ right / np.sqrt(np.maximum(squares, 1e-12)), squares


def _parts(groups, count):
    """Indices of those that are left out together, where that is more than one."""
    if groups is None:
        return []
    numbers = np.unique(groups, return_inverse=True)[1]
    order = np.argsort(numbers, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(numbers))[:-1])
    return [part for part in parts if 1 < len(part) < count]


def _unseen_errors(residuals, basis, shrunk, parts):
    """Squared errors (n,) of predictions by models that had not seen the example, or its group."""
    share = 1 / len(residuals)  # of the mean, which each example is part of
    own = np.einsum("ij,j,ij->i", basis, shrunk, basis) + share
    left = residuals / np.maximum(1 - own, 1e-6)[:, None]
    for part in parts:
        hat = (basis[part] * shrunk) @ basis[part].T + share
        left[part] = np.linalg.solve(np.eye(len(part)) - hat, residuals[part])
    return (left**2).sum(axis=1)
