"""`keras-transfer features`: lists, checks and clears what is stored."""

import numpy as np

from keras_transfer.features.disk import DiskStore
from keras_transfer.features.store import FeatureStore
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_model
from tests.support.commands import run_command
from tests.test_strategies import SMALL, tiny_dataset


def test_the_verb_lists_checks_and_clears(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_TRANSFER_CACHE", str(tmp_path))
    assert "no features are stored" in run_command("features")[1]
    dataset = tiny_dataset(per_kind=12, splits=("train",))
    model = build_model(SMALL, "classification", 3, image_size=32, weights="none")
    store = FeatureStore(DiskStore(tmp_path / "features"))
    for view in (None, ("light", 0, 2)):
        store.features(cut(model)[0], dataset.examples, np.arange(36), view)
    code, out, _ = run_command("features", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:3]] == [SMALL, SMALL]
    assert "view no. 2" in out
    assert run_command("features", "verify")[:2] == (0, "72 features checked, 0 damaged\n")
    file = next((tmp_path / "features").glob("*.rows"))
    file.write_bytes(b"\0" * file.stat().st_size)
    assert run_command("features", "verify")[:2] == (1, "72 features checked, 36 damaged\n")
    assert run_command("features", "clear")[0] == 0
    assert not (tmp_path / "features").exists()


def test_a_broken_index_is_named_and_can_be_cleared(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_TRANSFER_CACHE", str(tmp_path))
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "index.sqlite").write_bytes(b"no database" * 1000)
    code, _, err = run_command("features", "list")
    assert code == 2
    assert "features clear" in err
    assert run_command("features", "clear")[0] == 0
    assert run_command("features", "list")[0] == 0
