"""Faster runtimes answer as Keras does, are chosen once, and are left where they do not agree."""

import numpy as np
import pytest

from keras_transfer.bases.table import FAMILIES
from keras_transfer.errors import UserError
from keras_transfer.features import choice
from keras_transfer.features.choice import name_runtime
from keras_transfer.features.disk import DiskStore
from keras_transfer.features.network import FrozenNetwork, agrees, network_key
from keras_transfer.features.store import FeatureStore
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_model
from keras_transfer.model.trainable import set_trainable
from keras_transfer.runtimes.litert import LiteRTRuntime
from tests.test_model import images, shake_norms, tiny
from tests.test_strategies import SMALL, tiny_dataset


@pytest.mark.parametrize("family", ["mobilenet_v2", "resnet", "efficientnet_lite", "densenet"])
def test_litert_gives_the_features_of_keras(family):
    model = tiny(FAMILIES[family])
    shake_norms(model)
    set_trainable(model, "last:3")
    prefix, _ = cut(model)
    network = FrozenNetwork(prefix, "network")
    assert network.prove("litert", images(model, 5))


def test_openvino_gives_the_features_of_keras():
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    model = tiny()
    shake_norms(model)
    network = FrozenNetwork(cut(model)[0], "network")
    sample = images(model, 5)
    assert network.prove("openvino", sample)
    exact, rough = (network.runtime(name)(sample) for name in ("keras", "openvino-bfloat16"))
    assert np.abs(rough - exact).max() < 0.3 * np.abs(exact).max()


def test_a_runtime_that_does_not_agree_is_left(tmp_path, monkeypatch, capsys):
    dataset = tiny_dataset(per_kind=4, splits=("train",))
    model = build_model(SMALL, "classification", 3, image_size=32, weights="none")
    prefix, _ = cut(model)
    plain = FeatureStore().features(prefix, dataset.examples, np.arange(12))
    right = LiteRTRuntime.__call__
    monkeypatch.setattr(LiteRTRuntime, "__call__", lambda self, x: 1.01 * right(self, x))
    disk = DiskStore(tmp_path)
    store = FeatureStore(disk)
    disk.remember_runtime(network_key(prefix), "litert")
    features = store.features(prefix, dataset.examples, np.arange(12))
    assert (features == plain).all()
    assert "litert differs from Keras by" in capsys.readouterr().err
    assert disk.runtime_of(network_key(prefix)) == "keras"


def test_a_broken_converted_file_is_left_and_made_again(tmp_path, monkeypatch, capsys):
    dataset = tiny_dataset(per_kind=4, splits=("train",))
    model = build_model(SMALL, "classification", 3, image_size=32, weights="none")
    prefix, _ = cut(model)
    plain = FeatureStore().features(prefix, dataset.examples, np.arange(12))
    disk = DiskStore(tmp_path)
    store = FeatureStore(disk)
    network = FrozenNetwork(prefix, network_key(prefix))
    file = network.file_in(tmp_path / "networks")
    file.parent.mkdir()
    file.write_bytes(b"")
    disk.remember_runtime(network.key, "litert")
    features = store.features(prefix, dataset.examples, np.arange(12))
    assert (features == plain).all()
    assert "litert cannot run this network" in capsys.readouterr().err
    assert not file.exists()


def test_many_examples_are_worth_a_measurement_and_it_is_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "MEASURE_FROM", 10)
    dataset = tiny_dataset(per_kind=4, splits=("train",))
    model = build_model(SMALL, "classification", 3, image_size=32, weights="none")
    prefix, _ = cut(model)
    store = FeatureStore(DiskStore(tmp_path))
    features = store.features(prefix, dataset.examples, np.arange(12))
    chosen = DiskStore(tmp_path).runtime_of(network_key(prefix))
    assert chosen in ("keras", "litert", "openvino")
    later = FeatureStore(DiskStore(tmp_path))
    few = later.features(prefix, dataset.examples, np.arange(5))
    assert later.reused == 5
    assert (few == features[:5]).all()


def test_which_runtime_is_taken():
    assert name_runtime(10, small=True) == "keras"
    assert name_runtime(500, small=True) == "litert"
    assert name_runtime(500, small=False) == "keras"
    assert name_runtime(10**6, small=True) == "measure"
    assert name_runtime(10**6, small=True, remembered="keras") == "keras"
    assert name_runtime(10, small=False, remembered="litert") == "litert"


def test_bfloat16_without_openvino_says_what_to_install(monkeypatch):
    monkeypatch.setattr(choice, "has_openvino", lambda: False)
    with pytest.raises(UserError, match=r"needs OpenVINO.*pip install 'keras_transfer.openvino"):
        name_runtime(10, True, "bfloat16")
    assert name_runtime(10, True, remembered="openvino") == "keras"


def test_agreement_is_in_units_of_the_spread(capsys):
    expected = np.random.default_rng(0).normal(0, 100, (20, 5))
    assert agrees(expected + 0.05, expected, "other")
    assert not agrees(expected + 0.5, expected, "other")
    assert "other differs" in capsys.readouterr().err
