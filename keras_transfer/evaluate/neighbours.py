"""How far an example lies from those that a model learned from: deep nearest neighbours.

Features are scaled to length 1, and the distance is the mean one to the nearest ten (Sun et al.
2022, arXiv:2204.06507). Inside train, with one of four sets as home and the others as foreign
(`benchmarks/unlike_training.py`), it found more of them than Mahalanobis distances.
"""

import numpy as np

NEAREST = 10
CHUNK = 1000  # examples compared at once


class Neighbours:
    """The features of examples that a model learned from.

    Args:
        features: (n, f) of numbers.
    """

    def __init__(self, features):
        self.features = _unit(features)

    def distances(self, features):
        """Mean distance (m,) of features (m, f) to their nearest here, 0 to 2."""
        parts = np.array_split(_unit(features), max(1, -(-len(features) // CHUNK)))
        return np.concatenate([self._distances(part) for part in parts])

    def _distances(self, units):
        squares = np.maximum(2.0 - 2.0 * units @ self.features.T, 0.0)
        nearest = min(NEAREST, len(self.features))
        return np.sqrt(np.partition(squares, nearest - 1, axis=1)[:, :nearest]).mean(axis=1)


def _unit(features):
    features = np.asarray(features, np.float32).reshape(len(features), -1)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
