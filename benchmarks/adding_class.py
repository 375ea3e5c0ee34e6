"""How a class of few images is weighed beside classes of many: what `adapt --add` rests on.

    python benchmarks/adding_class.py

Inside train: a third of each class is held out to judge by, one class keeps one, five or ten of
the rest, the others keep all. The head is ridge in closed form on features of EfficientNet-Lite0.
Prints a Markdown table: recall of the small class, and the mean over all classes; means of 20
draws.
"""

import numpy as np
import tyro
from measuring import IMAGES

SETS, SHOTS, DRAWS = ("flowers5", "trashnet"), (1, 5, 10), 20
WEIGHTS = {  # of each class, by how many examples it has
    "none": np.ones_like,
    "mean 1": lambda counts: counts.mean() / counts,
    "the rarest's (taken)": lambda counts: counts.min() / counts,
}


def main():
    print("| set | images of the class | weights | its recall | mean over classes |")
    print("|---|---|---|---|---|")
    for name in SETS:
        features, numbers = stored(name)
        for shots in SHOTS:
            for label, weigh in WEIGHTS.items():
                found = [one_draw(features, numbers, shots, weigh, d) for d in range(DRAWS)]
                own, every = np.mean(found, axis=0)
                print(f"| {name} | {shots} | {label} | {own:.3f} | {every:.3f} |", flush=True)


def stored(name):
    """(features (n, f), class numbers (n,)) of the training images of a set."""
    from keras_transfer.data.examples import read_examples
    from keras_transfer.data.sources.specs import read_source
    from keras_transfer.features.store import open_store
    from keras_transfer.run.episodes import embedding_of_base

    embedding = embedding_of_base("efficientnet_lite0")
    examples = read_examples(read_source(IMAGES / name / "train"), embedding.inputs)
    every = np.arange(len(examples))
    numbers = np.unique(list(map(str, examples.table["label"])), return_inverse=True)[1]
    return open_store().features(embedding.network, examples, every).astype(np.float64), numbers


def one_draw(features, numbers, shots, weigh, seed):
    """(recall of the small class, mean recall) with one draw of who is judged and who is kept."""
    from keras_transfer.strategies.common.closed_form import fit_closed_form

    generator, classes = np.random.default_rng(seed), numbers.max() + 1
    small, fit, judge = seed % classes, [], []
    for number in range(classes):
        drawn = generator.permutation(np.flatnonzero(numbers == number))
        third = len(drawn) // 3
        judge += list(drawn[:third])
        fit += list(drawn[third:][: shots if number == small else None])
    weights = weigh(np.bincount(numbers[fit]).astype(float))[numbers[fit]]
    head = fit_closed_form(features[fit], numbers[fit], classes, weights=weights)
    predicted, right = head.logits(features[judge]).argmax(axis=1), numbers[judge]
    recalls = [(predicted[right == n] == n).mean() for n in range(classes)]
    return recalls[small], np.mean(recalls)


if __name__ == "__main__":
    tyro.cli(main)
