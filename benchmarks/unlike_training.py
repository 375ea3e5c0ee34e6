"""How well distances of features separate foreign images from new ones of the same kind.

    python benchmarks/unlike_training.py

One set is home, the others are foreign; each is home once. All of it happens inside train: a fifth
of the home set's train is new, the rest is known, fold by fold. AUROC is of foreign against new,
and `found` the share of foreign images beyond the 95th percentile of the new ones' distances.
"""

from dataclasses import dataclass

import numpy as np
import tyro
from measuring import IMAGES, keep
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from keras_transfer.config import make_config
from keras_transfer.data.dataset import read_dataset
from keras_transfer.data.sources.specs import read_source
from keras_transfer.data.splits import folds
from keras_transfer.evaluate.neighbours import Neighbours
from keras_transfer.features.store import open_store
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_for
from keras_transfer.train import check


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Compare ways to measure how far an image lies from those of training."""

    sets: tuple[str, ...] = ("flowers5", "trashnet", "hymenoptera", "chest_xray")
    base: str = "efficientnet_lite0"
    weights: str = "auto"


def main():
    asked = tyro.cli(Arguments)
    known = {name: features_of(asked, name) for name in asked.sets}
    figures = {
        way: {home: separated(measure, home, known) for home in asked.sets}
        for way, measure in WAYS.items()
    }
    for homes in figures.values():
        rows = list(homes.values())
        homes["mean"] = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    keep("unlike_training", {"base": asked.base, "sets": list(asked.sets), "ways": figures})


def features_of(asked, name):
    """(pooled features, classes, groups) of a set's train."""
    config = make_config(data=str(IMAGES / name), base=asked.base, weights=asked.weights)
    dataset = read_dataset(read_source(config.data, "auto", "image"), check(config), config)
    train, prefix = dataset.indices("train"), cut(build_for(dataset, config))[0]
    features = open_store().features(prefix, dataset.examples, train)
    return features, np.asarray(dataset.targets)[train], dataset.groups(train)


def separated(measure, home, known):
    """{auroc, found} of one way, means over folds of the home set and over the foreign ones."""
    features, classes, groups = known[home]
    aurocs, found = [], []
    for fit, new in folds([(c,) for c in classes], groups, 5, 0):
        distances = measure(features[fit], classes[fit])
        own = distances(features[new])
        for name, (others, _, _) in known.items():
            if name != home:
                far = distances(others)
                foreign = np.r_[np.zeros(len(own)), np.ones(len(far))]
                aurocs.append(roc_auc_score(foreign, np.r_[own, far]))
                found.append((far > np.percentile(own, 95)).mean())
    return {"auroc": float(np.mean(aurocs)), "found": float(np.mean(found))}


def neighbours(features, classes):
    return Neighbours(features).distances


def mahalanobis(features, classes, normalise=False):
    """Lee et al. 2018 (arXiv:1807.03888): to the nearest class mean, one shrunken covariance."""
    scaled = unit(features) if normalise else features.astype(np.float64)
    means = np.stack([scaled[classes == c].mean(axis=0) for c in np.unique(classes)])
    centred = scaled - means[np.searchsorted(np.unique(classes), classes)]
    precision = LedoitWolf(assume_centered=True).fit(centred).precision_

    def distances(new):
        new = unit(new) if normalise else new.astype(np.float64)
        each = [((new - mean) @ precision * (new - mean)).sum(axis=1) for mean in means]
        return np.min(each, axis=0)

    return distances


def mahalanobis_of_units(features, classes):
    return mahalanobis(features, classes, normalise=True)


def unit(features):
    return features / np.linalg.norm(features, axis=1, keepdims=True).astype(np.float64)


WAYS = {
    "mean distance to 10 neighbours, features of length 1": neighbours,
    "Mahalanobis": mahalanobis,
    "Mahalanobis, features of length 1": mahalanobis_of_units,
}


if __name__ == "__main__":
    main()
