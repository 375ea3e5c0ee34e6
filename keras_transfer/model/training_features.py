"""Pooled features of training examples with their labels: they travel with a run.

New examples are compared with them, and new classes are learned beside them.
"""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_transfer.errors import UserError

FILE = "training_features.npz"  # in a run's folder


class TrainingFeatures(NamedTuple):
    """Some of what a model learned from.

    Attributes:
        features: float16 (m, f), pooled.
        labels: of each, as text (m,); None of runs that kept none.
    """

    features: np.ndarray
    labels: np.ndarray | None


def write_training_features(folder, kept):
    """Write TrainingFeatures into a run's folder."""
    np.savez(Path(folder) / FILE, features=kept.features, labels=np.array(kept.labels, np.str_))


def read_training_features(folder, size):
    """The TrainingFeatures of a run; None where it has none.

    Args:
        size: of the features that its model gives; None for whatever they are.

    Raises: UserError where the file is damaged, or is of another model.
    """
    file = Path(folder) / FILE
    if not file.is_file():
        return None
    try:
        # a file that is no archive would stay open
        with open(file, "rb") as opened, np.load(opened) as kept:
            features = kept["features"]
            labels = kept["labels"] if "labels" in kept.files else None
        sized = features.ndim == 2 and len(features) and size in (None, features.shape[1])
        if not sized or not np.isfinite(features).all():
            raise ValueError(f"features {features.shape}, of this model (n, {size}) finite numbers")
        if labels is not None and labels.shape != (len(features),):
            raise ValueError(f"{len(features)} features and labels {labels.shape}")
        return TrainingFeatures(features, labels)
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError("a file of the run is damaged", f"{file}: {error}") from None
