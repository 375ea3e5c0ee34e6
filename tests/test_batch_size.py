"""`--batch-size auto` takes what fits, and leaves the network as it was."""

import pytest

from keras_transfer.config import make_config
from keras_transfer.environment import available_memory
from keras_transfer.errors import UserError
from keras_transfer.features.store import FeatureStore
from keras_transfer.model.factory import build_model
from keras_transfer.strategies.common import batch_size
from keras_transfer.strategies.common.batch_size import settle_batch_size
from tests.test_strategies import SMALL, tiny_dataset

ASKED = {"base": SMALL, "strategy": "fine_tuning", "image_size": 32, "batch_size": "auto"}


@pytest.fixture(scope="module")
def dataset():
    return tiny_dataset(per_kind=60, splits=("train",))


def settled(dataset, **knobs):
    model = build_model(SMALL, "classification", 3, image_size=32, weights="none")
    before = model.get_weights()
    config = settle_batch_size(model, dataset, FeatureStore(), make_config(**ASKED | knobs))
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    return config.batch_size


def test_a_number_stays(dataset):
    assert settled(dataset, batch_size=7) == 7


def test_an_epoch_keeps_its_steps(dataset):
    size = settled(dataset)
    assert size & (size - 1) == 0
    assert size <= len(dataset.holdout.fit) // batch_size.STEPS < 2 * size


def test_less_memory_is_a_smaller_batch(dataset, monkeypatch):
    whole = available_memory()
    assert whole > 2**20
    sizes = []
    for memory in (whole, 60 * 2**20, 32 * 2**20):
        monkeypatch.setattr(batch_size, "available_memory", lambda free=memory: free)
        sizes.append(settled(dataset, trainable="all"))
    assert sizes[0] > sizes[1] > sizes[2] >= 1


def test_a_network_that_never_fits_is_refused(dataset, monkeypatch):
    monkeypatch.setattr(batch_size, "available_memory", lambda: 2**20)
    with pytest.raises(UserError, match="a training step does not fit into memory"):
        settled(dataset)


def test_on_a_gpu_steps_are_tried_until_one_fits(dataset, monkeypatch):
    import keras
    import tensorflow as tf

    tried, train = [], keras.Model.train_on_batch

    def small_card(self, inputs, targets):
        tried.append(len(inputs))
        if len(inputs) > 4:
            raise tf.errors.ResourceExhaustedError(None, None, "out of memory")
        return train(self, inputs, targets)

    monkeypatch.setattr(batch_size, "gpus", lambda: ["a small card"])
    monkeypatch.setattr(keras.Model, "train_on_batch", small_card)
    assert settled(dataset) == 4
    assert tried == [16, 8, 4, 4]  # the stage, then the same on all of train
