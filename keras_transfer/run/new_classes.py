"""Of a run that kept whole classes for val and test: how well it recognises them."""

import json

import numpy as np

from keras_transfer import progress
from keras_transfer.environment import read_json
from keras_transfer.evaluate.episodes import EpisodeSettings, draw_episodes
from keras_transfer.model.pooled import has_pooled_features, pooled_features
from keras_transfer.run.episodes import Embedding, predict_by, score_examples

SHOTS = (1, 2, 5, 10)
SHOWN = EpisodeSettings(episodes=3, queries=3)  # of them, for people
FILE = "episodes.json"


def score_new_classes(model, dataset, features, config):
    """Of classes that did not train: {split: as of `run.episodes.evaluate_episodes`} for
    `metrics.json`, and {split: `describe_episodes`} for `episodes.json`.

    As many ways, shots and queries are asked for as the classes have examples for; a split with
    too few for any is named and has no score.

    Args:
        model: trained on `dataset`; features: the `features.store.FeatureStore`.
    """
    if not dataset.new_classes or not has_pooled_features(model):
        return {}, {}
    embedding = Embedding(pooled_features(model), dataset.examples.spec, (), "ridge")
    method, scores, drawn = getattr(config, "method", embedding.method), {}, {}
    for split, examples in dataset.new_classes.items():
        labels = np.array([str(label) for label in examples.table["label"]])
        names, counts = np.unique(labels, return_counts=True)
        settings = fitting_settings(counts, config.seed)
        if settings is None:
            progress.warn(f"{split} has too few examples of its {len(names)} classes for episodes")
            continue
        numbers, every = np.searchsorted(names, labels), np.arange(len(labels))
        given = (settings, features, method, (None,))
        scores[split] = score_examples(embedding, examples, every, numbers, *given)
        pooled = features.features(embedding.network, examples, every)
        predict = predict_by(pooled.astype(np.float64).reshape(len(every), -1), method)
        shown = list(examples.table["shown"])
        drawn[split] = describe_episodes(numbers, names, shown, settings, predict)
    return scores, drawn


def describe_episodes(numbers, names, shown, settings, predict):
    """The first few episodes with the fewest shots, as JSON takes them.

    Args:
        numbers: class of each example (n,); names: of the classes; shown: name of each example.
        settings: EpisodeSettings; predict: as of `evaluate.episodes.score_episodes`.

    Returns: [[{"class": NAME, "support": [names], "queries": [{"path", "predicted"}]}]], a list of
        an episode's classes for each episode.
    """
    queries, shots = min(SHOWN.queries, settings.queries), min(settings.shots)
    few = settings._replace(episodes=min(SHOWN.episodes, settings.episodes), queries=queries)
    described = []
    for support, query in draw_episodes(numbers, few, shots):
        classes = [str(names[numbers[row[0]]]) for row in support]
        places = np.repeat(np.arange(len(classes)), shots)
        predicted = predict(support.ravel(), places, len(classes), query.ravel())
        predicted = iter(np.array(classes, object)[predicted])
        described.append(
            [
                {
                    "class": name,
                    "support": [shown[i] for i in learned],
                    "queries": [{"path": shown[i], "predicted": next(predicted)} for i in asked],
                }
                for name, learned, asked in zip(classes, support, query, strict=True)
            ]
        )
    return described


def fitting_settings(counts, seed):
    """The EpisodeSettings that classes with so many examples allow; None for none."""
    usual = EpisodeSettings(shots=SHOTS, seed=seed)
    ways = min(usual.ways, int((counts >= 2).sum()))
    if ways < 2:
        return None
    most = int(np.sort(counts)[-ways])  # that so many classes have
    shots = tuple(n for n in usual.shots if n < most)
    return usual._replace(ways=ways, shots=shots, queries=min(usual.queries, most - max(shots)))


def write_drawn(run, drawn):
    """Keep episodes to look at in a run's folder; `drawn`: {split: `describe_episodes`}."""
    if drawn:
        run.write_text(FILE, json.dumps(drawn, indent=2) + "\n")


def read_drawn(run):
    """{split: `describe_episodes`} of a run; empty without any."""
    file = run.folder / FILE
    return read_json(file) if file.is_file() else {}
