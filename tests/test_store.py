"""Stored features: computed once, never stale, found damaged or done without."""

import os
import time

import numpy as np
import pytest

from keras_transfer.features.disk import DiskStore
from keras_transfer.features.store import FeatureStore
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_model
from tests.support.tiny import image_spec
from tests.test_strategies import SMALL, tiny_dataset


@pytest.fixture(scope="module")
def dataset():
    return tiny_dataset(per_kind=12, splits=("train",))


@pytest.fixture(scope="module")
def model():
    return build_model(SMALL, "classification", 3, image_size=32, weights="none")


def asked(place, model, dataset, indices=None, view=None, **settings):
    """(features, store) from a fresh store in `place`."""
    store = FeatureStore(DiskStore(place), **settings)
    indices = np.arange(len(dataset.examples)) if indices is None else indices
    return store.features(cut(model)[0], dataset.examples, indices, view), store


def test_what_was_computed_once_is_read(tmp_path, model, dataset):
    first, store = asked(tmp_path, model, dataset)
    again, later = asked(tmp_path, model, dataset)
    assert (store.computed, store.reused) == (36, 0)
    assert (later.computed, later.reused) == (0, 36)
    assert (first == again).all()
    plain = FeatureStore().features(cut(model)[0], dataset.examples, np.arange(36))
    assert (first == plain).all()


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_table_is_found_by_contents_sizes_and_order(on_disk, tmp_path, model, dataset):
    from dataclasses import replace

    store = FeatureStore(DiskStore(tmp_path) if on_disk else None)
    prefix, indices = cut(model)[0], np.arange(36)
    first = store.table(prefix, dataset.examples, indices)
    alike = replace(dataset.examples, table=dataset.examples.table.copy())
    assert store.table(prefix, alike, indices) is first
    padded = replace(dataset.examples, spec=image_spec(32, "pad"))
    assert store.table(prefix, padded, indices) is not first
    backwards = replace(
        dataset.examples,
        table=dataset.examples.table.iloc[::-1].reset_index(drop=True),
        kept=dataset.examples.kept[::-1],
    )
    turned = store.table(prefix, backwards, indices)
    np.testing.assert_allclose(turned[indices[::-1]], first[indices], atol=1e-5)


def test_adding_ten_computes_ten(tmp_path, model, dataset):
    asked(tmp_path, model, dataset, np.arange(26))
    _, store = asked(tmp_path, model, dataset)
    assert (store.computed, store.reused) == (10, 26)


def test_other_weights_give_new_features(tmp_path, dataset):
    model = build_model(SMALL, "classification", 3, image_size=32, weights="none")
    before, _ = asked(tmp_path, model, dataset)
    kernel = model.get_layer("Conv_1").get_weights()
    alive = before.mean(axis=0).argmax()  # of a random network some features are always 0
    kernel[0][..., alive] *= 2.0
    model.get_layer("Conv_1").set_weights(kernel)
    after, store = asked(tmp_path, model, dataset)
    assert store.computed == 36
    assert (before != after).any()


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_network_that_was_tuned_since_computes_nothing_for_its_former_self(
    on_disk, tmp_path, dataset
):
    one = build_model(SMALL, "classification", 3, image_size=32, weights="none")
    fresh = build_model(SMALL, "classification", 3, image_size=32, weights="none")
    fresh.set_weights(one.get_weights())
    every = np.arange(36)
    expected = FeatureStore().features(cut(fresh)[0], dataset.examples, every)
    store = FeatureStore(DiskStore(tmp_path) if on_disk else None)
    store.features(cut(one)[0], dataset.examples, every[:10])
    one.set_weights([weight + 0.1 for weight in one.get_weights()])  # as a tuning does
    found = store.features(cut(fresh)[0], dataset.examples, every)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_versions_hang_on_contents_not_on_places(tmp_path, model, dataset):
    view = ("light", 0, 1)
    plain, _ = asked(tmp_path, model, dataset)
    changed, _ = asked(tmp_path, model, dataset, view=view)
    assert (plain != changed).any(axis=1).all()
    from dataclasses import replace

    backwards = np.arange(36)[::-1]
    examples = replace(
        dataset.examples,
        table=dataset.examples.table.iloc[backwards].reset_index(drop=True),
        kept=dataset.examples.kept[backwards],
    )
    turned = FeatureStore().features(cut(model)[0], examples, np.arange(36), view)
    np.testing.assert_allclose(turned[::-1], changed, atol=1e-5)


def test_half_the_bytes_in_float16(tmp_path, model, dataset):
    whole, _ = asked(tmp_path / "whole", model, dataset)
    half, store = asked(tmp_path / "half", model, dataset, precision="float16")
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, whole, rtol=1e-3, atol=1e-4)
    sizes = [DiskStore(tmp_path / name).tables()[0]["bytes"] for name in ("whole", "half")]
    assert sizes[0] == 2 * sizes[1]
    assert store.computed == 36


def test_a_damaged_row_is_found_named_and_computed_again(tmp_path, model, dataset, capsys):
    whole, _ = asked(tmp_path, model, dataset)
    (file,) = tmp_path.glob("*.rows")
    data = bytearray(file.read_bytes())
    data[3 * len(data) // 36 + 5] ^= 1
    file.write_bytes(data)
    again, store = asked(tmp_path, model, dataset)
    assert (store.computed, store.reused) == (1, 35)
    assert (whole == again).all()
    assert "1 stored feature damaged on disk, computed again" in capsys.readouterr().err
    assert DiskStore(tmp_path).verify() == {1: (36, 0)}


def test_a_shortened_file_is_noticed(tmp_path, model, dataset):
    whole, _ = asked(tmp_path, model, dataset)
    (file,) = tmp_path.glob("*.rows")
    os.truncate(file, file.stat().st_size // 2)
    assert DiskStore(tmp_path).verify() == {1: (36, 18)}
    again, store = asked(tmp_path, model, dataset)
    assert store.computed == 18
    assert (whole == again).all()


def test_the_tables_unused_for_longest_go_first(tmp_path, model, dataset):
    for number in (1, 2, 3):
        asked(tmp_path, model, dataset, view=("light", 0, number))
        time.sleep(0.01)
    asked(tmp_path, model, dataset, view=("light", 0, 1))  # used again
    store = DiskStore(tmp_path)
    size = store.tables()[0]["bytes"]
    store.limit = 3.5 * size  # of the index too
    store.make_room(size)
    assert [table["description"]["view"][-1] for table in store.tables()] == [3, 1]
    assert len(list(tmp_path.glob("*.rows"))) == 2


def test_a_table_deleted_while_it_is_used_is_no_accident(tmp_path, model, dataset):
    store = FeatureStore(DiskStore(tmp_path))
    prefix, _ = cut(model)
    first = store.features(prefix, dataset.examples, np.arange(20))
    disk = DiskStore(tmp_path)
    disk.delete(disk.tables()[0]["id"])
    again = store.features(prefix, dataset.examples, np.arange(36))
    assert (again[:20] == first).all()


def test_what_was_asked_for_can_be_read_after_others_took_it_away(tmp_path, model, dataset):
    whole, _ = asked(tmp_path, model, dataset)
    table = FeatureStore(DiskStore(tmp_path)).table(cut(model)[0], dataset.examples, np.arange(36))
    disk = DiskStore(tmp_path)
    disk.delete(disk.tables()[0]["id"])
    assert not list(tmp_path.glob("*.rows"))
    assert (table[np.arange(36)] == whole).all()
    assert len(table.missing(np.arange(36))) == 36


def test_a_run_does_not_make_room_at_its_own_cost(tmp_path, model, dataset, capsys):
    views = [None, ("light", 0, 1), ("light", 0, 2)]
    prefix, indices = cut(model)[0], np.arange(36)
    plain = FeatureStore()
    expected = [plain.features(prefix, dataset.examples, indices, view) for view in views]
    size = expected[0].nbytes
    store = FeatureStore(DiskStore(tmp_path, limit=2.5 * size))
    tables = [store.table(prefix, dataset.examples, indices, view) for view in views]
    for table, right in zip(tables, expected, strict=True):
        assert (table[indices] == right).all()
    assert "over its limit" in capsys.readouterr().err


def test_many_additions_are_one_file(tmp_path, model, dataset):
    for count in range(4, 37, 4):
        asked(tmp_path, model, dataset, np.arange(count))
    assert len(list(tmp_path.glob("*.rows"))) == 1
    assert DiskStore(tmp_path).verify() == {1: (36, 0)}


def test_arrays_of_other_shapes_are_other_examples():
    from keras_transfer.data.examples import read_examples
    from keras_transfer.data.sources.specs import read_source

    pixels = np.random.default_rng(0).integers(0, 255, (4, 24, 32, 3), dtype=np.uint8)
    tall = pixels.reshape(4, 32, 24, 3)
    labels = ["a", "b", "a", "b"]
    hashes = [
        set(read_examples(read_source((images, labels)), image_spec(32)).digests)
        for images in (pixels, tall)
    ]
    assert not hashes[0] & hashes[1]


@pytest.mark.parametrize("limit", ["much", "nan", "-1", "inf"])
def test_limits_that_are_none(limit, monkeypatch):
    from keras_transfer.errors import UserError
    from keras_transfer.features.cache import cache_limit

    monkeypatch.setenv("KERAS_TRANSFER_CACHE_LIMIT", limit)
    with pytest.raises(UserError, match="makes no sense"):
        cache_limit()


def test_each_example_is_counted_once(tmp_path, model, dataset):
    _, store = asked(tmp_path, model, dataset)
    for _ in range(2):
        store.features(cut(model)[0], dataset.examples, np.arange(36))
    assert (store.computed, store.reused) == (36, 0)


def test_an_index_that_is_none_is_named_and_done_without(tmp_path, model, dataset, capsys):
    whole, _ = asked(tmp_path / "sound", model, dataset)
    store = FeatureStore(DiskStore(tmp_path / "broken"))
    (tmp_path / "broken" / "index.sqlite").write_bytes(b"no database" * 1000)
    features = store.features(cut(model)[0], dataset.examples, np.arange(36))
    assert (features == whole).all()
    assert "features stay in memory" in capsys.readouterr().err


def test_what_is_over_the_limit_stays_in_memory(tmp_path, model, dataset, capsys):
    whole, _ = asked(tmp_path / "whole", model, dataset)
    store = FeatureStore(DiskStore(tmp_path / "small", limit=1000))
    features = store.features(cut(model)[0], dataset.examples, np.arange(36))
    assert (features == whole).all()
    assert "over its limit" in capsys.readouterr().err
