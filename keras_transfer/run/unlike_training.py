"""A model that also says which examples are unlike those it learned from."""

from keras_transfer import progress
from keras_transfer.errors import UserError
from keras_transfer.evaluate.neighbours import Neighbours
from keras_transfer.inputs.common.arrays import as_tuple, from_tuple
from keras_transfer.model.pooled import POOL, with_pooled_features
from keras_transfer.model.training_features import read_training_features
from keras_transfer.runtimes.keras import KerasRuntime

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
    if UNLIKE not in spec.thresholds:
        return None
    try:
        kept = read_training_features(folder, model.get_layer(POOL).output.shape[-1])
    except UserError as error:
        progress.warn(f"nothing is called unlike training: {error}")
        return None
    return kept and UnlikeTraining(model, kept.features, spec.thresholds[UNLIKE])
