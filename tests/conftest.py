"""What the tests share: real images and weights where they are at hand, tiny drawn ones."""

import functools
import os
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.drawing import SPLITS, plant_classes

ROOT = Path(__file__).resolve().parent.parent
TOYS = ROOT / "tests" / "support" / "toys"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """No test reads or fills the cache of the person who runs them; a drawn demo is shared."""
    named = os.environ.get("KERAS_TRANSFER_CACHE")
    os.environ["KERAS_TRANSFER_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("KERAS_TRANSFER_CACHE")
    if named is not None:
        os.environ["KERAS_TRANSFER_CACHE"] = named


@pytest.fixture
def real_data():
    """Ask for a set of real images by name; the test is skipped where it is absent."""

    def find(name):
        folder = Path(os.environ.get("KERAS_TRANSFER_DATA", ROOT.parent / "shared" / "data")) / name
        if not folder.exists():
            pytest.skip(f"real images {name} are not here; set KERAS_TRANSFER_DATA")
        return folder

    return find


@pytest.fixture
def real_weights():
    """Ask for a file of real ImageNet weights; the test is skipped where it is absent."""

    def find(name):
        file = ROOT.parent / "shared" / "weights" / name
        if not file.exists():
            pytest.skip(f"real weights {name} are not here")
        return file

    return find


@pytest.fixture
def toys(monkeypatch):
    """The toys' files as files of the rooms: nothing else is touched."""
    from keras_transfer import export

    for room in ("inputs", "tasks", "strategies", "export"):
        package = import_module(f"keras_transfer.{room}")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(TOYS / room)])
    export.formats.cache_clear()
    yield
    export.formats.cache_clear()


@pytest.fixture
def class_folder(tmp_path):
    """`plant_classes` below `tmp_path`."""
    return functools.partial(plant_classes, tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """One whole run with its exports, on the embedded base."""
    import keras_transfer as kt

    place = tmp_path_factory.mktemp("finished")
    photos = plant_classes(place, SPLITS)
    return kt.transfer(photos, image_size=64, out=place / "run", quiet=True), photos


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """(model, folder with every export for images of one size) of a tiny classification."""
    from tests.support.plain_formats import plain_formats
    from tests.support.tiny import export_model, images, predictions, spec, tiny_model

    folder = tmp_path_factory.mktemp("exports")
    model, pixels = tiny_model(), images(20)
    for name in plain_formats():
        if "any-size" not in name:
            proof = (pixels, predictions(model, pixels), lambda: images(40, seed=5))
            export_model(model, name, folder, spec(resize="crop"), *proof)
    return model, folder
