"""How well five classes are told apart from 1, 5 and 10 images of each, with a frozen base.

    python benchmarks/episodes.py

Episodes of train and val together (nothing is trained), 15 images of each class predicted. Heads
are folded into a linear layer on features as they are; `source` is ridge before that, on features
of length 1. Of three views, plain and two augmented, the mean is taken, supports and queries alike.
Prints a Markdown table: mean accuracy over episodes and seeds in percent, with its 95 % interval
over the seeds (Student's t). The results are kept in results/episodes.json.
"""

import statistics
import time
from dataclasses import asdict, dataclass

import numpy as np
import tyro
from measuring import IMAGES, half_interval, keep

HEADS = {  # name: views of each image, method, whether features have length 1
    "ridge": ("plain", "ridge", False),
    "source": ("plain", "ridge", True),
    "prototypes": ("plain", "prototypes", False),
    "cosine": ("plain", "cosine", False),
    "3 views, crop": ("crop", "ridge", False),
    "3 views, light": ("light", "ridge", False),
}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Score heads on the same episodes, and print a table."""

    sets: tuple[str, ...] = ("flowers5", "trashnet", "hymenoptera")
    base: str = "efficientnet_lite0"
    episodes: int = 1000
    shots: tuple[int, ...] = (1, 5, 10)
    seeds: tuple[int, ...] = (0, 1, 2)
    results: str = "episodes"
    """The file under benchmarks/results, without its ending."""


def main():
    from threadpoolctl import threadpool_limits

    asked = tyro.cli(Arguments)
    found = {"asked": asdict(asked), "rows": []}
    for name in asked.sets:
        features, numbers = features_of(IMAGES / name, asked.base)
        with threadpool_limits(1, user_api="blas"):
            for shots in asked.shots:
                found["rows"].append(row_of(name, features, numbers, shots, asked))
                keep(asked.results, found, show=False)
    print(table(found["rows"]))


def features_of(folder, base):
    """({kind of views: features (n, f)}, class numbers (n,)) of a set's train and val."""
    from keras_transfer.data.examples import read_examples
    from keras_transfer.data.sources.specs import read_source
    from keras_transfer.features.store import open_store
    from keras_transfer.run.episodes import embedding_of_base

    embedding, store = embedding_of_base(base), open_store()
    examples = read_examples(read_source(folder), embedding.inputs)
    indices = np.flatnonzero(examples.table["split"].isin(("train", "val")))
    labels = examples.table["label"].iloc[indices]
    features = {}
    for kind in {views for views, _, _ in HEADS.values()}:
        views = [None, *((kind, 0, number) for number in (1, 2) if kind != "plain")]
        found = [store.features(embedding.network, examples, indices, view) for view in views]
        features[kind] = np.mean(found, axis=0, dtype=np.float64).reshape(len(indices), -1)
    return features, np.unique(labels, return_inverse=True)[1]


def row_of(name, features, numbers, shots, asked):
    """The accuracies of each head over the same episodes, one mean a seed, and milliseconds."""
    row = {"set": name, "shots": shots, "ways": min(5, int(numbers.max()) + 1)}
    for head, (views, method, of_length_1) in HEADS.items():
        given = features[views]
        if of_length_1:
            given = given / np.linalg.norm(given, axis=1, keepdims=True)
        begun = time.process_time()
        means = [accuracy(given, numbers, row, method, seed, asked) for seed in asked.seeds]
        seconds = time.process_time() - begun
        milliseconds = 1000 * seconds / len(asked.seeds) / asked.episodes
        row[head] = {"accuracies": means, "milliseconds": milliseconds}
    return row


def accuracy(features, numbers, row, method, seed, asked):
    """The mean accuracy over the episodes of a seed."""
    from keras_transfer.evaluate.episodes import EpisodeSettings, score_episodes
    from keras_transfer.run.episodes import predict_by

    settings = EpisodeSettings(asked.episodes, row["ways"], (row["shots"],), seed=seed)
    scores = score_episodes(numbers, settings, predict_by(features, method))
    return scores[str(row["shots"])]["accuracy"]["value"]


def table(rows):
    """A row a set and number of shots, a column a head; the means over all of them below."""
    lines = [
        f"| set | images of each class | {' | '.join(HEADS)} |",
        "|---" * (len(HEADS) + 2) + "|",
    ]
    for row in rows:
        cells = [cell(row[head]["accuracies"]) for head in HEADS]
        lines.append(
            f"| {row['set']}, {row['ways']} classes | {row['shots']} | {' | '.join(cells)} |"
        )
    seeds = range(len(rows[0]["ridge"]["accuracies"]))
    means = [
        cell([statistics.fmean(row[head]["accuracies"][seed] for row in rows) for seed in seeds])
        for head in HEADS
    ]
    lines.append(f"| mean |  | {' | '.join(means)} |")
    spent = [statistics.fmean(row[head]["milliseconds"] for row in rows) for head in HEADS]
    lines.append(f"| CPU ms an episode |  | {' | '.join(f'{ms:.1f}' for ms in spent)} |")
    return "\n".join(lines)


def cell(accuracies):
    """The mean over seeds in percent, and its 95 % interval."""
    mean = 100 * statistics.fmean(accuracies)
    if len(accuracies) < 2:
        return f"{mean:.1f}"
    return f"{mean:.1f} ± {100 * half_interval(accuracies):.1f}"


if __name__ == "__main__":
    main()
