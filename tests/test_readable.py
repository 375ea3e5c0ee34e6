"""Contents that were read well are remembered on this machine, by what read them."""

import pytest

from keras_transfer.data import readable
from keras_transfer.data.readable import readable_contents, remember_readable
from keras_transfer.inputs import InputSpec, find_modality

DIGESTS = [f"{number:064x}" for number in range(5)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("KERAS_TRANSFER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def spec(max_pixels=1000):
    return InputSpec("image", (), {"max_pixels": max_pixels})


def test_what_was_read_is_remembered_for_its_limit_of_pixels():
    assert readable_contents(spec()) == set()
    remember_readable(spec(), DIGESTS[:3], set())
    assert readable_contents(spec()) == set(DIGESTS[:3])
    remember_readable(spec(), DIGESTS, set(DIGESTS[:3]))
    assert readable_contents(spec()) == set(DIGESTS)
    assert readable_contents(spec(900)) == set()


def test_another_reader_knows_nothing_of_it(monkeypatch):
    remember_readable(spec(), DIGESTS, set())
    image = type(find_modality("image"))
    monkeypatch.setattr(image, "reader", lambda self, spec: "another")
    assert readable_contents(spec()) == set()


def test_a_newer_schema_knows_nothing_of_it(monkeypatch):
    remember_readable(spec(), DIGESTS, set())
    monkeypatch.setattr(readable, "READER_SCHEMA", 2)
    assert readable_contents(spec()) == set()


def test_a_broken_index_is_done_without_and_named(cache, capsys):
    cache.mkdir()
    (cache / "readable.sqlite").write_bytes(b"no database" * 1000)
    assert readable_contents(spec()) == set()
    remember_readable(spec(), DIGESTS, set())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("readable.sqlite cannot be used" in line for line in lines)
