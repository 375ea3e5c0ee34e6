"""Episodes are drawn fairly, turned and augmented as their names say."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.data.dataset import make_dataset
from keras_transfer.data.episode_batches import ClassPool, Episode, class_pool, episode_batches
from keras_transfer.data.examples import read_examples
from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from keras_transfer.inputs.image.augmentation import AUGMENTATIONS, augment, draw, rotate
from keras_transfer.tasks import make_task
from tests.support.drawing import plant_classes
from tests.support.tiny import image_spec
from tests.test_strategies import tiny_dataset


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 12), min_size=1, max_size=12),
    groups=st.integers(1, 3),
    ways=st.integers(2, 8),
    shots=st.integers(1, 3),
    queries=st.integers(1, 3),
    rotations=st.sampled_from([1, 4]),
    seed=st.integers(0, 2**16),
)
def test_an_episode_has_distinct_classes_and_no_example_twice(
    sizes, groups, ways, shots, queries, rotations, seed
):
    ends = np.cumsum([0, *sizes])
    members = [np.arange(a, b) for a, b in itertools.pairwise(ends)]
    names = [f"group {number % groups}" for number in range(len(sizes))]
    episode = Episode(ways, shots, queries, rotations)
    there = sum(min(rotations, size // episode.size) for size in sizes)
    if there < ways:
        with pytest.raises(UserError, match=r"an episode of \d+ classes needs"):
            ClassPool(members, names, episode)
        return
    pool = ClassPool(members, names, episode)
    for _ in range(5):
        indices, turns = pool.draw(np.random.default_rng(seed))
        assert indices.shape == (ways, shots + queries)
        assert len(np.unique(indices)) == indices.size  # nothing is asked that was shown
        classes = np.searchsorted(ends, indices, side="right") - 1
        assert (classes == classes[:, :1]).all()
        assert len(set(zip(classes[:, 0], turns, strict=True))) == ways
        assert set(turns) <= set(range(rotations))


def test_half_of_the_episodes_lie_within_one_group():
    members = [np.arange(4) + 4 * number for number in range(30)]
    pool = ClassPool(members, [f"group {n % 3}" for n in range(30)], Episode(5, 1, 1))
    generator = np.random.default_rng(0)
    drawn = [pool.draw(generator)[0][:, 0] // 4 % 3 for _ in range(400)]
    assert 0.4 < np.mean([len(set(groups)) == 1 for groups in drawn]) < 0.6
    alone = ClassPool(members, [""] * 30, Episode(5, 1, 1))
    assert alone.groups == []


def test_groups_come_from_the_column_class_group():
    dataset = tiny_dataset(per_kind=4, splits=("train",))
    train = dataset.indices("train")
    assert class_pool(dataset, train, Episode(2, 1, 1)).groups == []
    names = np.array(["warm", "cold", "cold"])[dataset.targets]
    table = dataset.examples.table.assign(class_group=names)
    grouped = replace(dataset, examples=replace(dataset.examples, table=table))
    assert [list(g) for g in class_pool(grouped, train, Episode(2, 1, 1)).groups] == [[1, 2]]
    assert class_pool(grouped, train, Episode(3, 1, 1)).groups == []  # none has three classes


def batches_of(dataset, episode, seed=0, steps=3, a_step=2):
    pool = class_pool(dataset, dataset.indices("train"), episode)
    source = RawInputs(dataset.examples, [None]).source([((32, 32, 3), "float32")])
    asked = (source, pool, a_step, steps, seed, dataset.examples.modality)
    return [inputs[0].numpy() for inputs in episode_batches(*asked)]


def test_batches_are_those_of_the_seed_and_rotations_are_new_classes():
    dataset = tiny_dataset(per_kind=8, splits=("train",))
    first, again, other = (batches_of(dataset, Episode(3, 1, 1), seed) for seed in (0, 0, 1))
    assert first[0].shape == (2 * 3 * 2, 32, 32, 3)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    with pytest.raises(UserError, match=r"episode of 5 classes .*3 of 3 classes"):
        batches_of(dataset, Episode(5, 1, 1))
    turned = batches_of(dataset, Episode(12, 1, 1, 4), steps=1)[0]  # as many as there are
    raw = dataset.examples.batch(dataset.indices("train")).astype(np.float32)
    ways = {np.rot90(one, turn).tobytes(): turn for one in raw for turn in range(4)}
    found = np.array([ways[one.tobytes()] for one in turned]).reshape(2, 12, 2)
    assert (found[..., 0] == found[..., 1]).all()  # a class is turned alike
    assert (np.sort(found[..., 0]) == np.repeat(range(4), 3)).all()


def test_rotation_is_numpys():
    pixels = np.random.default_rng(0).uniform(0, 255, (4, 6, 6, 3)).astype(np.float32)
    turned = rotate(pixels, np.arange(4, dtype=np.int32)).numpy()
    for one, (before, after) in enumerate(zip(pixels, turned, strict=True)):
        assert (after == np.rot90(before, one)).all()


def test_drawings_keep_their_ground_and_their_strokes():
    pixels = np.full((3, 28, 28, 3), 240, np.float32)
    pixels[1] = 30  # white on black
    pixels[0, 10:18, 12:16], pixels[1, 10:18, 12:16] = 10, 250
    draws = draw(0, 1, [1, 2, 3])
    changed = augment(pixels, draws, AUGMENTATIONS["drawing"]).numpy()
    for one, ground in zip(changed, (240, 30, 240), strict=True):
        assert np.abs(one[[0, -1]] - ground).max() < 1e-3
    assert changed[2] == pytest.approx(240, abs=1e-3)  # no stroke, no change
    assert (changed[0] != pixels[0]).any()
    assert np.abs(changed[0] - 240).sum() == pytest.approx(230 * 32 * 3, rel=0.45)


def test_episodes_from_files_are_those_from_memory(tmp_path):
    photos = plant_classes(tmp_path, 4)
    examples = read_examples(read_source(photos, "auto", "image"), image_spec(32))
    task = make_task("classification", list(examples.table["label"]), np.ones(12, bool))
    table = examples.table.assign(split="train")
    examples = replace(examples, table=table)
    found = []
    for some in (examples, replace(examples, kept=None, there=None)):
        found.append(batches_of(make_dataset(some, task, None), Episode(6, 1, 1, 4)))
    assert all((a == b).all() for a, b in zip(*found, strict=True))
