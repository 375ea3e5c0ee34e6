"""Predictions of a trained model for examples, from stored features where there are some."""

from keras_transfer.model.cut import cut
from keras_transfer.runtimes.batching import predict_examples
from keras_transfer.runtimes.keras import KerasRuntime


def predict_with_features(model, examples, features, indices):
    """Predictions (n, ...) of `model` for the examples at `indices`.

    A head on pooled features predicts from the store; a tuned network runs over the examples,
    since what it was cut at is large and would not be asked for again.
    """
    prefix, suffix = cut(model)
    if len(prefix.output.shape) > 2:
        return predict_examples(KerasRuntime(model), examples, indices, "Evaluating")
    return KerasRuntime(suffix)(features.features(prefix, examples, indices))
