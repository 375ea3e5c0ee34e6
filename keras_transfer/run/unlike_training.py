"""A model that also says which examples are unlike those it learned from."""

import zipfile
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.evaluate.neighbours import Neighbours
from keras_transfer.inputs.common.arrays import as_tuple, from_tuple
from keras_transfer.model.pooled import POOL, with_pooled_features
from keras_transfer.runtimes.keras import KerasRuntime

REFERENCES = "training_features.npz"  # in a run: what new examples are compared with
UNLIKE = "unlike_training"  # in `ModelSpec.thresholds`


class UnlikeTraining:
    """inputs -> (predictions, bool (n,)): True for an example that is unlike training.

    Args:
        model: `keras.Model` with pooled features.
        references: (m, f), pooled features of training examples.
        threshold: the distance beyond which an example is unlike them.
    """

    def __init__(self, model, references, threshold):
        self._runtime = KerasRuntime(with_pooled_features(model))
        self._neighbours, self._threshold = Neighbours(references), threshold

    def __call__(self, inputs):
        *predictions, pooled = as_tuple(self._runtime(inputs))
        distances = self._neighbours.distances(pooled)
        return from_tuple(predictions), distances > self._threshold


def read_unlike_training(folder, model, spec):
    """The UnlikeTraining of a run; None where it keeps no features of training examples."""
    file = Path(folder) / REFERENCES
    if UNLIKE not in spec.thresholds or not file.is_file():
        return None
    try:
        # a file that is no archive would stay open
        with open(file, "rb") as opened, np.load(opened) as kept:
            features = kept["features"]
        size = model.get_layer(POOL).output.shape[-1]
        if features.ndim != 2 or features.shape[1] != size or not np.isfinite(features).all():
            raise ValueError(f"features {features.shape}, of this model (n, {size}) finite numbers")
        return UnlikeTraining(model, features, spec.thresholds[UNLIKE])
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        progress.warn(f"{file} is damaged, so nothing is called unlike training: {error}")
        return None
