"""How well a network tells apart classes that it did not train on, from a few examples of each."""

from typing import Any, NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.data.examples import check_skipped, read_examples
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from keras_transfer.evaluate.episodes import check_episodes, score_episodes
from keras_transfer.model.pooled import has_pooled_features, pooled_features
from keras_transfer.strategies.common.closed_form import fit_closed_form
from keras_transfer.tasks import find_task


class Embedding(NamedTuple):
    """A network from raw inputs to features, and what it knows.

    Attributes:
        network: `keras.Model` to pooled features (n, f); inputs: the InputSpec of what it takes.
        learned: names of the classes that it trained on.
        method: how a head is found on its features, unless another is asked for: a key of
            `closed_form.METHODS`.
    """

    network: Any
    inputs: Any
    learned: tuple[str, ...]
    method: str


def embedding_of_run(path):
    """The Embedding of a run folder or a `.keras` file."""
    from keras_transfer.run.predictor import Predictor

    predictor = Predictor.load(path)
    if predictor.model is None or not has_pooled_features(predictor.model):
        advice = "Name a run folder, or its model.keras"
        raise UserError("episodes need a model with pooled features", path, advice)
    spec = predictor.spec
    return Embedding(pooled_features(predictor.model), spec.inputs, spec.outputs, method_of(path))


def embedding_of_base(name, weights="auto", image_size=None):
    """The Embedding of a base as it comes, without any training of ours."""
    from keras_transfer.bases.build import describe_base
    from keras_transfer.config import make_config
    from keras_transfer.inputs import find_modality
    from keras_transfer.model.factory import build_model

    config = make_config(base=name, image_size=image_size)
    inputs = find_modality(config.modality).spec(describe_base(name), config)
    network = pooled_features(build_model(name, inputs=inputs, weights=weights))
    network.trainable = False
    return Embedding(network, inputs, (), "ridge")


def method_of(path):
    """The method by which a run found its head, ridge where it has none of its own."""
    from pathlib import Path

    from keras_transfer.config import read_config

    folder = Path(path).parent if Path(path).is_file() else Path(path)
    if not (folder / "config.json").is_file():
        return "ridge"
    return getattr(read_config(folder / "config.json"), "method", "ridge")


def evaluate_episodes(
    embedding, data, settings, features, method=None, views=(None,), skipped=0.05
):
    """Accuracy over seeded episodes on classes that the network did not train on: a dict for JSON.

    Args:
        embedding: Embedding; data: SPEC; settings: `evaluate.episodes.EpisodeSettings`.
        features: the `features.store.FeatureStore`.
        method: a key of `closed_form.METHODS`; None for the embedding's own.
        views: of each example, of which the mean is taken; see `Modality.augment`.
        skipped: share of unreadable examples above which nothing is scored.

    Where the data has a split test with classes of its own, those are drawn from, else all.

    Raises: UserError for too few classes or examples.
    """
    source = read_source(data, "auto", embedding.inputs.modality)
    examples = read_examples(source, embedding.inputs)
    check_skipped(examples, skipped)
    numbers, labels = _classes(source, examples)
    indices = _new(examples.table["split"].to_numpy(), labels, embedding.learned)
    check_episodes(settings, labels[indices])
    method = method or embedding.method
    return score_examples(embedding, examples, indices, numbers, settings, features, method, views)


def score_examples(embedding, examples, indices, numbers, settings, features, method, views):
    """The dict of `evaluate_episodes` for the examples at `indices`; numbers: of all (n,)."""
    total = len(views) * len(indices)
    found = [features.features(embedding.network, examples, indices, v, total) for v in views]
    found = np.mean(found, axis=0, dtype=np.float64).reshape(len(indices), -1)
    return {
        "episodes": settings.episodes,
        "ways": settings.ways,
        "queries": settings.queries,
        "method": method,
        "views": len(views),
        "seed": settings.seed,
        "classes": len(np.unique(numbers[indices])),
        "examples": len(indices),
        "shots": _scores(numbers[indices], settings, predict_by(found, method)),
    }


def predict_by(features, method):
    """What `evaluate.episodes.score_episodes` asks for, of features (n, f)."""

    def predict(support, places, ways, query):
        head = fit_closed_form(features[support], places, ways, method)
        return head.logits(features[query]).argmax(1)

    return predict


def _scores(numbers, settings, predict):
    """`score_episodes`, with a progress bar."""
    from threadpoolctl import threadpool_limits

    with (
        progress.bar("Episodes", settings.episodes * len(settings.shots)) as advance,
        threadpool_limits(1, user_api="blas"),  # matrices this small gain nothing from threads
    ):

        def counted(*episode):
            predicted = predict(*episode)
            advance()
            return predicted

        return score_episodes(numbers, settings, counted)


def _classes(source, examples):
    """(class numbers (n,), class names (n,)) of examples; a UserError where there are none."""
    labels = list(examples.table["label"])
    task = find_task(source.task).from_labels(labels, np.ones(len(labels), bool), source.numbers)
    numbers = task.class_numbers(task.encode(labels))
    if numbers is None:
        raise UserError("episodes need one class an example", task.name)
    return numbers, np.array([str(label) for label in labels], object)


def _new(splits, labels, learned):
    """Indices of the examples that episodes are drawn from."""
    known = np.isin(labels, list(learned)) if learned else np.zeros(len(labels), bool)
    test, train = splits == "test", splits == "train"
    if test.any() and not set(labels[test]) & set(labels[train]):
        return np.flatnonzero(test & ~known)
    if known.all():
        found = f"{len(set(labels))} classes, all known to it"
        advice = "Name other data, or --base NAME for a base as it comes"
        raise UserError("the model trained on every class of these data", found, advice)
    if known.any():
        progress.say(
            f"note: {len(set(labels[known]))} classes that the model trained on are not drawn"
        )
    return np.flatnonzero(~known)
