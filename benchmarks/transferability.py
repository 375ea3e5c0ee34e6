"""Published scores of how well features suit class labels, to set beside ours.

Each takes features (n, f) and one-hot targets (n, k), or several ones an example where it has
several labels; the higher, the better.
"""

import numpy as np


def log_evidence(features, targets):
    """LogME: the mean maximum log evidence of Bayesian linear regression towards each class
    (You et al. 2021, arXiv:2102.11005, with the fixed point of arXiv:2110.10545)."""
    features = np.asarray(features, np.float64)
    count, size = features.shape
    left, values, _ = np.linalg.svd(features, full_matrices=False)
    squares, evidences = values**2, []
    for target in np.asarray(targets, np.float64).T:
        along = (left.T @ target) ** 2
        beyond = max(target @ target - along.sum(), 1e-12)
        alpha = beta = 1.0
        for _ in range(100):
            ratio = alpha / beta
            gamma = (squares / (squares + ratio)).sum()
            weights = (squares * along / (squares + ratio) ** 2).sum()
            residual = (along * (ratio / (squares + ratio)) ** 2).sum() + beyond
            fresh = gamma / max(weights, 1e-12), (count - gamma) / residual
            done = abs(fresh[0] / fresh[1] - ratio) < 1e-3 * ratio
            alpha, beta = fresh
            if done:
                break
        evidence = 0.5 * (size * np.log(alpha) + count * np.log(beta) - count * np.log(2 * np.pi))
        evidence -= 0.5 * (beta * residual + alpha * weights)
        evidence -= 0.5 * (
            np.log(alpha + beta * squares).sum() + (size - len(squares)) * np.log(alpha)
        )
        evidences.append(evidence / count)
    return float(np.mean(evidences))


def h_score(features, targets):
    """H-score with a shrunken covariance (Ibrahim et al. 2021, arXiv:2110.06893)."""
    from sklearn.covariance import ledoit_wolf

    features = np.asarray(features, np.float64)
    features = features - features.mean(axis=0)
    covariance, shrinkage = ledoit_wolf(features, assume_centered=True)
    targets = np.column_stack([np.ones(len(features)), targets])
    means = targets @ np.linalg.lstsq(targets, features)[0]  # of a class, where each has one
    between = means.T @ means / len(features)
    return float((1 - shrinkage) * np.trace(np.linalg.solve(covariance, between)))
