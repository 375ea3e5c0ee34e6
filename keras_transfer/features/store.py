"""Activations of the frozen part, computed once for each picture.

Kept in memory for the length of a run; `computed` and `reused` count pictures.
"""

import time

import numpy as np

from keras_transfer.bases.weights import weights_fingerprint
from keras_transfer.data.augment import augment, draw, find_augmentation
from keras_transfer.features.engines import run_over


class FeatureStore:
    """Answers with features; computes those it does not hold yet.

    Attributes:
        computed, reused: how many pictures' features were computed, and found already there.
        seconds: spent on computing.
    """

    def __init__(self):
        self.computed = self.reused = 0
        self.seconds = 0.0
        self._kept = {}

    def features(self, prefix, pictures, rows, view=None):
        """Features float32 (len(rows), *shape) of the pictures with these row numbers."""
        return self.table(prefix, pictures, rows, view)[np.asarray(rows)]

    def table(self, prefix, pictures, rows, view=None):
        """An array (len(pictures), *shape) that holds the features of `rows`; not a copy.

        Args:
            prefix: the frozen `keras.Model` from `model.cut`.
            pictures: `data.pictures.Pictures`.
            view: None for the picture as it is, else (augmentation, seed, number).
        """
        rows = np.asarray(rows)
        array, have = self._array(prefix, pictures, view)
        missing = np.unique(rows[~have[rows]])
        self.reused += len(rows) - len(missing)
        if len(missing):
            begun = time.monotonic()
            array[missing] = run_over(
                prefix, pictures, missing, "Computing features", _change(view)
            )
            have[missing] = True
            self.computed += len(missing)
            self.seconds += time.monotonic() - begun
        return array

    def _array(self, prefix, pictures, view):
        key = (weights_fingerprint(prefix), prefix.layers[-1].name, id(pictures), view)
        if key not in self._kept:
            array = np.zeros((len(pictures), *prefix.output.shape[1:]), np.float32)
            self._kept[key] = (array, np.zeros(len(pictures), bool))
        return self._kept[key]


def _change(view):
    if view is None:
        return None
    augmentation, seed, number = view
    kind = find_augmentation(augmentation)
    return lambda pixels, rows: augment(pixels, draw(seed, number, rows), kind)
