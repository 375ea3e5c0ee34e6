"""One base in the comparison: its features, how well they suit the labels, and what that took."""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_transfer import progress
from keras_transfer.bases.build import describe_base
from keras_transfer.choosing.scores import leave_one_out
from keras_transfer.config import make_config
from keras_transfer.inputs import find_modality
from keras_transfer.inputs.common.arrays import take
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_for
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies.common.exact_head import LinearProblem, fit_head

PROBED = 32  # examples after which it is known how long the others will take


@dataclass
class Contender:
    """A base that is compared.

    Attributes:
        candidate: `candidates.Candidate`; sample: `sample.TrainingSample`.
        config: TrainConfig of its training; spec: InputSpec of what it takes.
        found: {number of examples: LeaveOneOut}; names: {the same: names of those examples}.
        seconds: spent on it; speed: seconds for an example's features, None before any.
        why_out: why it is no more compared; empty while it is.
    """

    candidate: Any
    sample: Any
    config: Any
    spec: Any
    found: dict = field(default_factory=dict)
    names: dict = field(default_factory=dict)
    seconds: float = 0.0
    speed: float | None = None
    why_out: str = ""
    prefix: Any = None

    @property
    def name(self):
        return self.candidate.name

    @property
    def size(self):
        """How many examples it has seen."""
        return max(self.found, default=0)

    @property
    def score(self):
        """The share of the variance of the labels that its features explain; None before any."""
        return self.found[self.size].score if self.found else None

    def expected(self, size):
        """Seconds that a round of so many examples will take; 0 where nothing is known."""
        return (self.speed or 0.0) * max(0, size - self.size)

    def look(self, size, features, deadline):
        """Score it on the first `size` examples; whether there was time for it.

        Args:
            features: the `features.store.FeatureStore`; deadline: `time.monotonic()`.
        """
        begun = time.monotonic()
        dataset = self.sample.dataset(self.spec, size)
        if self.prefix is None:
            self.prefix = frozen_network(dataset, self.config)
        vectors = self._features(dataset, features, deadline)
        if vectors is not None:
            examples = np.arange(len(dataset.examples))
            targets = dataset.task.one_hot(dataset.targets)
            self.found[size] = leave_one_out(vectors, targets, dataset.groups(examples))
            self.names[size] = dataset.examples.table["shown"].to_numpy()
        self.seconds += time.monotonic() - begun
        return vectors is not None

    def _features(self, dataset, features, deadline):
        """Features (n, f); None where a first few show that there is no time for all."""
        indices, total = np.arange(len(dataset.examples)), len(self.sample.source.table)
        given = (self.prefix, dataset.examples)
        computed, begun = features.computed, time.monotonic()
        features.features(*given, indices[self.size : self.size + PROBED], expected=total)
        spent = time.monotonic() - begun
        fresh = features.computed - computed
        missing = len(indices) - self.size - PROBED
        if fresh and missing > 0 and time.monotonic() + missing * spent / fresh > deadline:
            return None
        begun, computed = time.monotonic(), features.computed
        found = features.features(*given, indices, expected=total)
        if features.computed > computed:
            self.speed = (time.monotonic() - begun) / (features.computed - computed)
        return found

    def head(self, features, seed):
        """The scores of a linear head in cross-validation, as `task.score` gives them."""
        dataset = self.sample.dataset(self.spec, self.size)
        task, indices = dataset.task, np.arange(len(dataset.examples))
        groups = dataset.groups(indices)
        vectors = features.features(self.prefix, dataset.examples, indices)
        weights = np.ones(len(indices), np.float32)
        strata = dataset.strata(indices)
        problem = (vectors, dataset.targets, weights, strata, groups, task, seed)
        solved = fit_head(LinearProblem(*problem))
        places = np.concatenate([judge for _, judge in solved.folds])
        predictions = task.from_linear(np.concatenate(solved.unseen))
        return task.score(take(dataset.targets, places), predictions, groups[places], seed)


def contender(candidate, sample, data, seed):
    """The Contender of a Candidate.

    Args:
        data: SPEC, for the configuration.
    """
    named = {"base": candidate.name, "weights": candidate.weights, "task": sample.source.task}
    config = make_config(data=data, seed=seed, **named)
    spec = find_modality(config.modality).spec(describe_base(candidate.name), config)
    return Contender(candidate, sample, config, spec)


def frozen_network(dataset, config):
    """The network from inputs to features, as `feature_extraction` cuts it."""
    model = build_for(dataset, config)
    set_trainable(model, "none")
    return cut(model)[0]


def difference(one, other):
    """(mean, standard error) of how much more of the variance `one` leaves than `other` does.

    Both on the same examples, as many as both have seen.
    """
    size = max(set(one.found) & set(other.found))
    places = {name: place for place, name in enumerate(other.names[size])}
    pairs = [(p, places[n]) for p, n in enumerate(one.names[size]) if n in places]
    own, theirs = np.array(pairs).T
    apart = one.found[size].errors[own] - other.found[size].errors[theirs]
    return float(apart.mean()), float(apart.std(ddof=1) / len(apart) ** 0.5)


def say_round(one, size):
    """A line on how a base did in a round."""
    progress.say(
        f"{one.name}: {size} examples, {one.score:.3f} of the variance of the labels explained, "
        f"{one.seconds:.1f} s"
    )
