"""Reading a whole set once, and the pipelines: whole, in order, repeatable."""

import numpy as np
import pytest
from PIL import Image

from keras_transfer.config import make_config
from keras_transfer.data import examples as room
from keras_transfer.data.examples import check_skipped, read_examples
from keras_transfer.data.pipeline import arrays_source, evaluation_batches, training_batches
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from keras_transfer.inputs.image.augmentation import AUGMENTATIONS, DRAWS, augment, draw
from tests.support.tiny import image_spec


def read(folder, size=32):
    return read_examples(read_source(folder), image_spec(size))


def test_kept_and_decoded_again_are_the_same_pixels(class_folder, monkeypatch):
    folder = class_folder(5)
    kept = read(folder)
    monkeypatch.setattr(room, "MEMORY_LIMIT", 0)
    streamed = read(folder)
    assert kept.kept is not None
    assert streamed.kept is None
    indices = np.array([14, 0, 7])
    assert (kept.batch(indices) == streamed.batch(indices)).all()
    assert (kept.table == streamed.table).all(axis=None)


def test_broken_images_are_skipped_and_named(class_folder):
    folder = class_folder(5)
    (folder / "red" / "broken.jpg").write_bytes(b"no image")
    (folder / "grey" / "empty.png").write_bytes(b"")
    Image.new("RGB", (40, 40), (200, 0, 0)).save(folder / "red" / "wrong.jpg", format="PNG")
    found = read(folder)
    assert len(found) == 16
    assert found.kept.shape == (16, 32, 32, 3)
    assert sorted(found.skipped["path"]) == ["grey/empty.png", "red/broken.jpg"]
    assert all(found.skipped["reason"].str.len() > 3)
    assert any("wrong.jpg is a png" in note for note in found.notes)
    check_skipped(found, 0.2)
    with pytest.raises(UserError, match="2 of 18 examples cannot be read"):
        check_skipped(found, 0.05)


def test_equal_files_have_equal_hashes_and_pixels_stay_with_their_row(class_folder):
    folder = class_folder(3)
    (folder / "red" / "000.png").write_bytes((folder / "grey" / "000.png").read_bytes())
    table = read(folder).table
    same = table[table["sha256"].duplicated(keep=False)]
    assert sorted(same["shown"]) == ["grey/000.png", "red/000.png"]


def test_arrays_are_read_as_images():
    images = np.random.default_rng(0).integers(0, 255, (6, 40, 30, 3)).astype(np.uint8)
    source = read_source((images, np.array([0, 1, 0, 1, 0, 1])))
    found = read_examples(source, image_spec(32))
    assert found.batch(np.array([5])).shape == (1, 32, 32, 3)
    assert found.table["sha256"].nunique() == 6


def test_what_was_read_before_is_decoded_when_it_is_asked_for(class_folder, monkeypatch):
    folder = class_folder(4)
    first = read(folder)
    known = set(first.digests)
    fresh = np.zeros((32, 32, 3), np.uint8)
    Image.fromarray(fresh).save(folder / "red" / "fresh.png")
    (folder / "red" / "broken.png").write_bytes(b"no image")
    again = read_examples(read_source(folder), image_spec(32), known)
    assert list(again.table["shown"][again.there]) == ["red/fresh.png"]
    assert list(again.skipped["path"]) == ["red/broken.png"]
    old = np.flatnonzero(~again.there)
    assert (again.batch(old[::-1]) == first.batch(np.arange(12))[::-1]).all()
    assert again.there.all()
    narrower = read_examples(read_source(folder), image_spec(32, max_pixels=100))
    assert len(narrower.skipped) == 14  # those of 48 x 48 are over this limit


def test_evaluation_drops_nothing_and_keeps_the_order(class_folder):
    found = read(class_folder(5))
    indices = np.array([3, 1, 14, 0, 9, 2, 11])
    batches = [np.asarray(batch) for batch in evaluation_batches(found, indices, 3)]
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert (np.concatenate(batches) == found.batch(indices)).all()


PAIRS = [((2,), "float32")]


def steps_of(seed, epochs=3, count=10):
    values = np.arange(count, dtype=np.float32)
    inputs, config = np.stack([values, values], axis=1), make_config(seed=seed, batch_size=4)
    targets = values.astype(np.int64)
    source = arrays_source(lambda indices, epoch: inputs[indices], PAIRS)
    batches, steps = training_batches(source, np.arange(count), targets, values, config, epochs)
    return [[np.asarray(part) for part in batch] for batch in batches], steps


def test_training_sees_each_image_once_an_epoch_in_another_order():
    batches, steps = steps_of(seed=1)
    assert steps == 3
    orders = [
        np.concatenate([target for _, target, _ in batches[start : start + steps]])
        for start in range(0, 9, steps)
    ]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert not (orders[0] == orders[1]).all()
    for inputs, target, weight in batches:
        assert (inputs[:, 0] == target).all()
        assert (weight == target).all()


def test_same_seed_same_steps_other_seed_others():
    first, again, other = (steps_of(seed)[0] for seed in (5, 5, 6))
    assert all((a[1] == b[1]).all() for a, b in zip(first, again, strict=True))
    assert any((a[1] != b[1]).any() for a, b in zip(first, other, strict=True))


def test_mixup_mixes_inputs_and_targets_alike():
    values = np.arange(10, dtype=np.float32)
    config = make_config(batch_size=4, mixup=0.5)
    inputs = np.stack([values, 2 * values], axis=1)
    ones = np.ones(10, np.float32)
    source = arrays_source(lambda indices, epoch: inputs[indices], PAIRS)
    batches, _ = training_batches(source, np.arange(10), values, ones, config, 3)
    seen = np.concatenate([np.asarray(target) for _, target, _ in batches])
    assert not set(seen.round(3)) <= set(values)
    assert seen.min() >= 0
    assert seen.max() <= 9
    for features, target, weight in batches:
        np.testing.assert_allclose(features[:, 0], target, rtol=1e-5)
        np.testing.assert_allclose(features[:, 1], 2 * target, rtol=1e-5)
        np.testing.assert_allclose(weight, 1.0)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_augmentation_is_repeatable_moderate_and_in_range(name):
    generator = np.random.default_rng(0)
    base = np.kron(generator.uniform(0, 255, (8, 8, 8, 3)), np.ones((1, 6, 6, 1)))
    pixels = base.astype(np.float32)
    kind = AUGMENTATIONS[name]
    once = np.asarray(augment(pixels, draw(0, 1, np.arange(8)), kind))
    again = np.asarray(augment(pixels, draw(0, 1, np.arange(8)), kind))
    next_epoch = np.asarray(augment(pixels, draw(0, 2, np.arange(8)), kind))
    assert (once == again).all()
    assert (once != next_epoch).any()
    assert once.min() >= 0
    assert once.max() <= 255
    assert once.shape == pixels.shape


def test_no_draw_no_change_and_a_flip_is_a_mirror():
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 9, 9, 3)).astype(np.float32)
    still = np.zeros((1, DRAWS), np.float32)
    flipped = still.copy()
    flipped[0, 4] = 1.0
    kind = AUGMENTATIONS["light"]
    np.testing.assert_allclose(augment(pixels, still, kind), pixels, atol=1e-3)
    np.testing.assert_allclose(augment(pixels, flipped, kind), pixels[:, :, ::-1], atol=1e-3)


def test_draws_depend_on_the_image_not_on_its_batch():
    whole = draw(3, 1, np.arange(6))
    part = draw(3, 1, np.array([4]))
    assert (whole[4] == part[0]).all()
