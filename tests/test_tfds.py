"""Sets of TensorFlow Datasets, as they lie on this machine."""

import numpy as np
import pytest

from keras_transfer.data.sources.specs import read_source
from tests.support.planting import refusal


@pytest.fixture
def tfds_home(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    from tensorflow_datasets.core.utils import file_utils

    monkeypatch.setenv("KERAS_TRANSFER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tfds").mkdir()
    tfds.core.add_data_dir(tmp_path / "tfds")
    yield tmp_path
    file_utils.clear_registered_data_dirs()


def prepare_tfds(name, label, values, data_dir):
    """Prepare a dataset as tfds would, so that `tfds:NAME` finds it on this machine."""
    import tensorflow_datasets as tfds

    def info(self):
        features = tfds.features.FeaturesDict(
            {"image": tfds.features.Image(shape=(None, None, 3)), "kind": label}
        )
        return tfds.core.DatasetInfo(builder=self, features=features)

    def dataset(self, values):
        for number, value in enumerate(values):
            yield number, {"image": np.full((5, 6, 3), number, np.uint8), "kind": value}

    def splits(self, manager):
        return {split: self._generate_examples(part) for split, part in values.items()}

    parts = {"VERSION": tfds.core.Version("1.0.0"), "_info": info, "_split_generators": splits}
    made = type(name, (tfds.core.GeneratorBasedBuilder,), {**parts, "_generate_examples": dataset})
    made(data_dir=str(data_dir)).download_and_prepare()


def test_tfds_that_lies_on_this_machine(tfds_home):
    import tensorflow_datasets as tfds

    label = tfds.features.ClassLabel(num_classes=30)
    values = {"train": [*range(25), -1], "validation": [1, 2], "unsupervised": [0]}
    prepare_tfds("TinyClasses", label, values, tfds_home / "tfds")
    source = read_source("tfds:tiny_classes")
    assert source.table["split"].value_counts().to_dict() == {"train": 25, "val": 2}
    assert source.task == "classification"
    assert (source.name, source.kind) == ("tfds_tiny_classes", "tfds")
    assert "1 images in train of tiny_classes have no label" in source.notes
    assert any("unsupervised" in note for note in source.notes)
    again = read_source("tfds:tiny_classes")  # now from the files
    assert again.table.equals(source.table)
    assert again.notes == source.notes


def test_tfds_with_several_labels_or_a_number(tfds_home):
    import tensorflow_datasets as tfds

    names = tfds.features.Sequence(tfds.features.ClassLabel(names=["sea", "sky"]))
    prepare_tfds("TinySeveral", names, {"train": [[0, 1], [1], []]}, tfds_home / "tfds")
    source = read_source("tfds:tiny_several")
    assert sorted(source.table["label"]) == [(), ("sea", "sky"), ("sky",)]
    prepare_tfds("TinyNumber", np.float32, {"train": [1.0, 2.0, 3.0]}, tfds_home / "tfds")
    source = read_source("tfds:tiny_number")
    assert sorted(source.table["label"]) == [1.0, 2.0, 3.0]
    assert source.task == "regression"


def test_tfds_that_is_refused(tfds_home, monkeypatch):
    def no_network(*args, **options):
        raise OSError("no route")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    message = refusal("tfds:tf_flowers")
    assert "no network" in message
    assert "no route" in message
    assert "Did you mean tf_flowers?" in refusal("tfds:tf_flowerz")
    assert "has no images" in refusal("tfds:imdb_reviews")
    assert "has no labels" in refusal("tfds:celeb_a")
    assert "unknown TensorFlow dataset" in refusal("tfds:colorectal_histology/nonsense")
    assert "no name" in refusal("tfds:../../up")
