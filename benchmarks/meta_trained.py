"""One meta-training on Omniglot's small background set 1, and what it is worth on new alphabets.

    python meta_trained.py VARIANT SEED     # a key of VARIANTS

Prints one line of JSON, errors as shares. It trains on all 20 drawings of each of small1's
characters: `test` is empty. What it is measured on has alphabets that small1 lacks.
"""

import json
import sys
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from measuring import IMAGES

FOLDER = IMAGES / "omniglot_small"
COMMON = {"base": "conv4", "augment": "drawing", "rotate_classes": True, "cache_features": False}
MAML = {**COMMON, "strategy": "maml", "ways": 5, "train_episodes": 6400}
VARIANTS = {
    "protonet": {**COMMON, "strategy": "protonet"},
    "maml": MAML,
    "maml, support statistics": {**MAML, "statistics": "support"},
    "maml, first order": {**MAML, "first_order": True},
    "maml, ANIL": {**MAML, "inner": "head"},
}
VIEWS = 8  # of each drawing, the plain one included
QUERIES, MANY, FEW = 15, 1000, 300  # of a class; episodes by class means, and of adapting


def main(variant, seed):
    from keras_transfer.config import make_config

    config = make_config(data="small1", seed=seed, **VARIANTS[variant])
    with tempfile.TemporaryDirectory() as folder:
        for file in FOLDER.glob("*.zip"):
            zipfile.ZipFile(file).extractall(folder)
        found = measure(Path(folder), config)
    print(json.dumps(found))


def measure(folder, config):
    """Train on small1 and measure: a dict."""
    from keras_transfer.backend import precision_and_seed
    from keras_transfer.features.store import open_store
    from keras_transfer.model.factory import build_for
    from keras_transfer.strategies import find_strategy

    dataset = training_set(folder, config)
    with precision_and_seed("float32", config.seed):
        model = build_for(dataset, config)
        features = open_store(False, "float32")
        if config.strategy == "maml":
            from keras_transfer.strategies.common.episodes import finish
            from keras_transfer.strategies.maml import meta_train

            learner, training, history = meta_train(model, dataset, features, config)
            seconds = time.process_time()
            score = adapted_errors(learner, *new_classes(folder, dataset), config.seed)
            # the run as it is exported: not adapted, statistics of training drawings
            finish(model, training, dataset, history)
            pixels, numbers = new_classes(folder, dataset)
            found = means_error(embedder(model)(pixels), numbers, 5, config.seed)
            score["5-way, class means"] = found
        else:
            found = find_strategy(config.strategy).fit(model, dataset, features, config)
            history, seconds = found.history, time.process_time()
            score = prototype_errors(model, folder, dataset, config.seed)
    # imports and reading count, measuring does not
    return {"training_cpu_seconds": seconds, "last": history[-1], **score}


def training_set(folder, config):
    """The Dataset of all drawings of small1, each alphabet a class_group."""
    import pandas as pd

    from keras_transfer.data.dataset import read_dataset
    from keras_transfer.data.sources.specs import read_source
    from keras_transfer.train import check

    files = sorted((folder / "small1").glob("*/*/*.png"))
    names = [f"{file.parent.parent.name}/{file.parent.name}" for file in files]
    source = read_source(pd.DataFrame({"file_name": map(str, files), "label": names}))
    table = source.table.assign(class_group=[name.split("/")[0] for name in names])
    dataset = read_dataset(replace(source, table=table), check(config), config)
    examples = dataset.examples
    whole = examples.table.assign(split="train")  # new classes test it, not these
    return replace(dataset, examples=replace(examples, table=whole))


def drawings(files, dataset):
    """Drawings as the package reads them: uint8 (n, 28, 28, 3)."""
    examples = dataset.examples
    return np.stack([examples.modality.load(file, examples.spec).arrays for file in files])


def new_classes(folder, dataset):
    """(drawings (n, 28, 28, 3), character of each) of small2's alphabets that small1 lacks."""
    known = {path.name for path in (folder / "small1").iterdir()}
    files = sorted((folder / "small2").glob("*/*/*.png"))
    files = [file for file in files if file.parent.parent.name not in known]
    _, numbers = np.unique([str(file.parent) for file in files], return_inverse=True)
    return drawings(files, dataset), numbers


def draw_episode(numbers, ways, generator):
    """Places (ways, 1 + QUERIES) of an episode's drawings."""
    classes = generator.choice(numbers.max() + 1, ways, replace=False)
    places = [generator.permutation(np.flatnonzero(numbers == one)) for one in classes]
    return np.array([one[: 1 + QUERIES] for one in places])


# --- nearest class means


def prototype_errors(model, folder, dataset, seed):
    """Errors of the embedding on the official runs and on new classes, and of batch statistics."""
    embed = embedder(model)
    pixels, numbers = new_classes(folder, dataset)
    runs = official_runs(folder, dataset)
    found = {
        "official": official_error(runs, embed),
        "official, 8 views": official_error(runs, lambda one: averaged(embed, one, dataset)),
        "official, batch statistics": official_error(runs, in_batches(model)),
    }
    features = embed(pixels)
    for ways in (5, 20):
        found[f"{ways}-way"] = means_error(features, numbers, ways, seed)
    return found


def means_error(features, numbers, ways, seed):
    """The error of MANY episodes by the nearest class mean, of one drawing each."""
    generator = np.random.default_rng([seed, ways])
    episodes = [draw_episode(numbers, ways, generator) for _ in range(MANY)]
    return float(np.mean([episode_error(features[places]) for places in episodes]))


def embedder(model):
    """A function of pixels (n, 28, 28, 3): pooled features (n, 64), each on its own."""
    from keras_transfer.model.pooled import pooled_features
    from keras_transfer.runtimes.keras import KerasRuntime

    return KerasRuntime(pooled_features(model))


def in_batches(model):
    """The same, normalised by the statistics of the drawings themselves: transductive."""
    from keras_transfer.model.pooled import pooled_features

    network = pooled_features(model)
    return lambda pixels: np.asarray(network([pixels.astype(np.float32)], training=True))


def averaged(embed, pixels, dataset):
    """The mean features of VIEWS views of each drawing."""
    modality, digests = (
        dataset.examples.modality,
        [f"{number:064x}" for number in range(len(pixels))],
    )
    total = embed(pixels)
    for number in range(1, VIEWS):
        views = [("drawing", 0, number)] * len(pixels)
        total = total + embed(modality.augment(pixels, digests, views))
    return total / VIEWS


def official_runs(folder, dataset):
    """Of each of the 20 runs: drawings to learn from, others to name, places of their classes."""
    runs = []
    for labels in sorted(folder.glob("run*/class_labels.txt")):
        pairs = [line.split() for line in labels.read_text().splitlines() if line.strip()]
        shown = sorted({name for _, name in pairs})
        support = drawings([folder / name for name in shown], dataset)
        queries = drawings([folder / name for name, _ in pairs], dataset)
        runs.append((support, queries, np.array([shown.index(name) for _, name in pairs])))
    return runs


def official_error(runs, embed):
    """Each drawing is named on its own: no one-to-one matching of drawings to classes."""
    errors = []
    for support, queries, right in runs:
        features = embed(np.concatenate([support, queries]))
        nearest = distances(features[len(support) :], features[: len(support)]).argmin(axis=1)
        errors.append((nearest != right).mean())
    return float(np.mean(errors))


def distances(one, other):
    return ((one[:, None] - other) ** 2).sum(axis=-1)


def episode_error(features):
    """The error of the nearest of the first drawings (ways, 1 + QUERIES, f) of each class."""
    queries = features[:, 1:].reshape(-1, features.shape[-1])
    nearest = distances(queries, features[:, 0]).argmin(axis=1)
    return (nearest != np.repeat(np.arange(len(features)), QUERIES)).mean()


# --- adapting


def adapted_errors(learner, pixels, numbers, seed):
    """5-way errors of a MamlLearner, with the statistics of the queries and of the support set."""
    from keras_transfer.backend import load_tensorflow
    from keras_transfer.strategies.common.batch_statistics import momentum, trained_norms

    tf, ways = load_tensorflow(), learner.episode.ways
    found = {}
    for statistics in ("query", "support"):
        learner.config = replace(learner.config, statistics=statistics)
        logits = tf.function(learner._adapted_logits)
        generator, errors = np.random.default_rng([seed, ways]), []
        with momentum(trained_norms(learner.embedding), 0.0):
            for _ in range(FEW):
                places = draw_episode(numbers, ways, generator)
                support, queries = (
                    tf.cast(pixels[part.ravel()], tf.float32)
                    for part in (places[:, :1], places[:, 1:])
                )
                predicted = logits([support], [queries], tf.range(ways)).numpy().argmax(axis=1)
                errors.append((predicted != np.repeat(np.arange(ways), QUERIES)).mean())
        found[f"5-way, {statistics} statistics"] = float(np.mean(errors))
    return found


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
