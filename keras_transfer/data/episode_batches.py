"""Episodes for meta-learning: a few classes, of each a few examples to learn from and to ask about.

A little numpy draws which examples an episode holds; reading, augmentation and turning are
TensorFlow's own operations in a tf.data pipeline, as for every other training (`pipeline`).
"""

from typing import NamedTuple

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.data.pipeline import AHEAD, call_numpy, without_autotuning
from keras_transfer.environment import cores
from keras_transfer.errors import UserError, count

WITHIN = 0.5  # share of the episodes within one `class_group`, where there are such groups


class Episode(NamedTuple):
    """What an episode holds.

    Attributes:
        ways: classes; shots, queries: examples of each, to learn from and to ask about.
        rotations: in how many ways an example is turned, each of them a class of its own; 1
            where none is.
    """

    ways: int
    shots: int
    queries: int
    rotations: int = 1

    @property
    def size(self):
        """Examples a class."""
        return self.shots + self.queries

    @property
    def examples(self):
        return self.ways * self.size


class ClassPool:
    """The classes that episodes are drawn from.

    Args:
        members: for each class the indices of its examples.
        groups: for each class its `class_group`, "" for one on its own.
        episode: Episode.

    Raises: UserError where there are too few classes with enough examples.
    """

    def __init__(self, members, groups, episode):
        enough = [len(own) >= episode.size for own in members]
        self.episode = episode
        self.members = [own for own, there in zip(members, enough, strict=True) if there]
        # an example is in an episode once: a class is in it as often as it has examples for
        self.turns = [min(episode.rotations, len(own) // episode.size) for own in self.members]
        groups = np.array([g for g, there in zip(groups, enough, strict=True) if there], object)
        self._check(len(members))
        names = sorted(set(groups) - {""})
        self.groups = [np.flatnonzero(groups == name) for name in names]
        self.groups = [g for g in self.groups if sum(self.turns[c] for c in g) >= episode.ways]

    def _check(self, classes):
        if sum(self.turns) >= self.episode.ways:
            return
        turned = " (turned ones counted)" if self.episode.rotations > 1 else ""
        raise UserError(
            f"an episode of {self.episode.ways} classes needs so many{turned} with "
            f"{count(self.episode.size, 'example')} each, to learn from and to ask about",
            f"{len(self.members)} of {classes} classes have so many",
            "Take fewer --ways, --shots or --queries",
        )

    def draw(self, generator):
        """One episode: indices int64 (ways, shots + queries), rotations int32 (ways,).

        Half of them lie within one class_group, where one is large enough: its classes are harder
        to tell apart than any.
        """
        among = np.arange(len(self.members))
        if self.groups and generator.random() < WITHIN:
            among = self.groups[generator.integers(len(self.groups))]
        offered = []  # (class, which of its turns)
        for one in among:
            turned = generator.permutation(self.episode.rotations)[: self.turns[one]]
            offered += [(one, rotation) for rotation in turned]
        places = generator.choice(len(offered), self.episode.ways, replace=False)
        chosen = [offered[place] for place in places]
        fresh = {one: generator.permutation(self.members[one]) for one, _ in chosen}
        indices = np.empty((self.episode.ways, self.episode.size), np.int64)
        for row, (one, _) in zip(indices, chosen, strict=True):
            row[:], fresh[one] = fresh[one][: len(row)], fresh[one][len(row) :]
        return indices, np.array([rotation for _, rotation in chosen], np.int32)


def class_pool(dataset, indices, episode):
    """The ClassPool of a Dataset's examples at `indices`, of a task with exclusive classes."""
    numbers = dataset.task.class_numbers(dataset.targets)[indices]
    table = dataset.examples.table
    named = table["class_group"].fillna("") if "class_group" in table else [""] * len(table)
    groups = np.array(list(named), object)
    members = [indices[numbers == number] for number in np.unique(numbers)]
    return ClassPool(members, [str(groups[own[0]]) for own in members], episode)


def episode_batches(source, pool, a_step, steps, seed, modality):
    """A tf.data.Dataset of so many steps, each a list of tensors (a_step * episode.examples, ...).

    The examples of an episode stand class by class, of each those to learn from first. What a step
    holds is a function of the seed and the step's number alone.

    Args:
        source: `pipeline.Source`: of the examples, and of their views (an epoch is a step here).
        pool: ClassPool; a_step: episodes a step; steps: how many; modality: turns examples.
    """
    tf, size = load_tensorflow(), pool.episode.size

    def numbers(step):
        generator = np.random.default_rng([seed, int(step)])
        drawn = [pool.draw(generator) for _ in range(a_step)]
        indices = np.concatenate([indices.ravel() for indices, _ in drawn])
        turns = np.concatenate([np.repeat(turns, size) for _, turns in drawn])
        return [*source.numbers(indices, int(step)), turns]

    def finished(*tensors):
        *tensors, turns = tensors
        inputs = list(source.finish(*tensors))
        return tuple(modality.rotate(inputs, turns) if pool.episode.rotations > 1 else inputs)

    kinds = [*source.kinds, ((), np.int32)]
    dataset = tf.data.Dataset.range(steps).map(
        lambda step: call_numpy(tf, numbers, step, kinds), 2, deterministic=True
    )
    if source.load:
        dataset = dataset.unbatch().map(
            lambda *tensors: (*source.load(*tensors[:-1]), tensors[-1]),
            cores(),
            deterministic=True,
        )
        dataset = dataset.batch(a_step * pool.episode.examples)
    return without_autotuning(dataset.map(finished, cores(), deterministic=True).prefetch(AHEAD))
