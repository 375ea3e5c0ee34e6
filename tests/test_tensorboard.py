"""`--tensorboard`: what TensorBoard reads is what history.csv and metrics.json hold."""

import os
import sys

import pandas as pd
import pytest

import keras_transfer as kt
from keras_transfer.cli.train import main
from keras_transfer.errors import UserError

FAST = {
    "base": "mobilenet_v2_0.35",
    "image_size": 32,
    "weights": "none",
    "export": False,
    "quiet": True,
}


def read(folder):
    """DataFrame of the scalars in one folder: a row a step, a column a tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), {"tensors": 0}).Reload()  # 0: all of them
    columns = {
        tag: {e.step: float(make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
    }
    return pd.DataFrame(columns)


def train(photos, place, name, **knobs):
    return kt.transfer(photos, out=place / name, tensorboard=str(place / "logs"), **FAST | knobs)


def check_alike(found, history):
    """Scalars are float32; every column is there in every row."""
    shared = history[list(found.columns)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.reset_index(drop=True), shared.astype(float), rtol=1e-6)


def test_a_solved_head_shows_its_penalties_and_the_scores(class_folder, tmp_path):
    run = train(class_folder(), tmp_path, "solved")
    folder = tmp_path / "logs" / "solved"
    found = read(folder / "solving-the-head")
    assert list(found.columns) == list(run.history.columns)
    assert list(found.index) == list(range(len(run.history)))
    check_alike(found, run.history)
    accuracy = run.metrics["splits"]["test"]["accuracy"]
    scores = read(folder).iloc[0]
    for end in ("value", "low", "high"):
        assert scores[f"test/accuracy/{end}"] == pytest.approx(accuracy[end], rel=1e-6)
    assert not [tag for tag in scores.index if "confusion" in tag]


def test_each_training_has_its_curves(class_folder, tmp_path):
    run = train(class_folder(), tmp_path, "hidden", hidden_units=8, epochs=3)
    folder = tmp_path / "logs" / "hidden"
    found = read(folder / "training-the-head")
    assert {"loss", "holdout_loss", "holdout_metric", "epoch"} <= set(found.columns)
    assert list(found.index) == list(run.history["epoch"])
    check_alike(found, run.history)
    again = read(folder / "training-the-head-2")  # on all of train: there is no holdout
    assert "holdout_loss" not in again


def test_a_tuning_has_its_curves(class_folder, tmp_path):
    tuned = train(
        class_folder(), tmp_path, "tuned", strategy="fine_tuning", trainable="last:3", epochs=2
    )
    check_alike(read(tmp_path / "logs" / "tuned" / "training-from-scratch"), tuned.history)


def test_a_second_run_of_a_name_leaves_the_first_one_s_curves(class_folder, tmp_path):
    photos = class_folder()
    train(photos, tmp_path, "same")
    before = sorted((tmp_path / "logs" / "same").rglob("*"))
    train(photos, tmp_path, "same", overwrite=True)
    assert sorted((tmp_path / "logs" / "same").rglob("*")) == before
    assert not read(tmp_path / "logs" / "same-2").empty


def test_without_the_flag_nothing_is_written(class_folder, tmp_path):
    run = kt.transfer(class_folder(), out=tmp_path / "run", **FAST)
    assert not list(tmp_path.rglob("*tfevents*"))
    assert run.config.tensorboard is None


def refused(capsys, *arguments):
    assert main(["--data", "no/such/folder", *map(str, arguments)]) == 2  # nothing was read yet
    err = capsys.readouterr().err.strip()
    assert "no/such/folder" not in err
    return err


def test_a_missing_package_is_named_with_its_command(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    err = refused(capsys, "--tensorboard", tmp_path)
    assert "pip install 'keras_transfer[tensorboard]'" in err


def test_a_folder_that_cannot_be_written_is_refused_at_once(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(capsys, "--tensorboard", tmp_path / "file" / "logs")
    assert "cannot be written" in refused(capsys, "--tensorboard", tmp_path / "file")
    assert "cannot be written" in refused(capsys, "--tensorboard", "/proc/logs")
    with pytest.raises(SystemExit):  # tyro's own: a flag without its value
        main(["--tensorboard"])
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else_is_refused_at_once(capsys, tmp_path):
    tmp_path.chmod(0o500)
    assert "cannot be written" in refused(capsys, "--tensorboard", tmp_path / "logs")


def test_curves_do_not_lie_where_the_run_will(class_folder, tmp_path):
    with pytest.raises(UserError, match="in the run's own folder"):
        kt.transfer(
            class_folder(), out=tmp_path / "run", tensorboard=str(tmp_path / "run" / "a"), **FAST
        )
    assert not (tmp_path / "run").exists()


def test_a_full_disk_costs_the_logs_and_not_the_training(
    class_folder, tmp_path, capsys, monkeypatch
):
    from tensorboard.compat import tf
    from tensorboard.summary import Writer

    def full(self):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(Writer, "flush", full)
    run = train(class_folder(), tmp_path, "full", hidden_units=4, epochs=2)
    assert len(run.history) == 2
    assert "no more is written for TensorBoard: No space left" in capsys.readouterr().err
    assert run.info["state"] == "finished"


def test_a_folder_without_a_name_is_refused(class_folder, tmp_path):
    with pytest.raises(UserError, match="--tensorboard is empty"):
        kt.transfer(class_folder(), out=tmp_path / "run", tensorboard="", **FAST)
