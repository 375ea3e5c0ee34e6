"""Predictions of a trained model for examples, from stored features where there are some."""

from keras_transfer.model.cut import cut
from keras_transfer.runtimes.batching import predict_examples
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.runtimes.postprocessed import Postprocessed


def predict_with_features(model, dataset, features, indices):
    """Predictions (n, ...) of `model` for the examples of a Dataset at `indices`.

    A head on pooled features predicts from the store; a tuned network runs over the examples,
    since what it was cut at is large and would not be asked for again.
    """
    prefix, suffix = cut(model)
    if any(len(tensor.shape) > 2 for tensor in prefix.outputs):
        runtime = Postprocessed(KerasRuntime(model), dataset.task)
        return predict_examples(runtime, dataset.examples, indices, "Evaluating")
    runtime = Postprocessed(KerasRuntime(suffix), dataset.task)
    return runtime(features.features(prefix, dataset.examples, indices))
