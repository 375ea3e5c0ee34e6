"""The run's folder: whole or not there, never over something else."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from keras_transfer.errors import UserError
from keras_transfer.model.keras_file import save_keras
from keras_transfer.run.folder import Run, check_free, next_folder


def test_grows_aside_and_gets_its_name_when_whole(tmp_path):
    run = Run.create(tmp_path / "a")
    assert run.folder == tmp_path / "a.partial"
    run.write_text("metrics.json", "{}")
    assert json.loads((run.folder / "run.json").read_text())["state"] == "running"
    run.finish()
    assert run.folder == tmp_path / "a"
    assert not (tmp_path / "a.partial").exists()
    info = Run.open(tmp_path / "a").info
    assert info["state"] == "finished"
    assert info["versions"]["keras_transfer"]
    assert "pid" not in info


def test_an_existing_run_stays_unless_told_otherwise(tmp_path):
    Run.create(tmp_path / "a").finish()
    (tmp_path / "a" / "mine.txt").write_text("x")
    with pytest.raises(UserError, match=r"this run exists.*--overwrite"):
        Run.create(tmp_path / "a")
    again = Run.create(tmp_path / "a", overwrite=True)
    assert (tmp_path / "a" / "mine.txt").exists()  # until the new one is whole
    again.finish()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]
    assert not (tmp_path / "a" / "mine.txt").exists()


def test_never_over_a_folder_that_is_no_run(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="something that is no run"):
        Run.create(tmp_path / "photos", overwrite=True)
    assert (tmp_path / "photos" / "one.jpg").exists()


def test_a_partial_of_a_dead_process_is_replaced_of_a_live_one_not(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    partial = tmp_path / "a.partial"
    partial.mkdir()
    running = {"state": "running", "versions": {}}
    (partial / "run.json").write_text(json.dumps({"pid": dead.pid, **running}))
    (partial / "old.txt").write_text("x")
    Run.create(tmp_path / "a")
    assert not (partial / "old.txt").exists()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as live:
        (partial / "run.json").write_text(json.dumps({"pid": live.pid, **running}))
        with pytest.raises(UserError, match="writing here right now"):
            check_free(tmp_path / "a", overwrite=True)
        live.communicate(b"\n")


def test_names_count_up(tmp_path):
    first = next_folder("photos", "vgg16", "fine_tuning", tmp_path)
    assert first.name == "photos-vgg16-fine_tuning-001"
    Run.create(first)
    assert next_folder("photos", "vgg16", "fine_tuning", tmp_path).name.endswith("-002")


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be written"):
        Run.create(tmp_path / "file" / "a")


def test_a_full_disk_at_the_start_leaves_the_name_free(tmp_path, monkeypatch):
    def full(path, text):
        raise UserError(f"{path} cannot be written", "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("keras_transfer.run.folder.write_text", full)
        with pytest.raises(UserError, match="No space left"):
            Run.create(tmp_path / "a")
    assert not list(tmp_path.iterdir())
    Run.create(tmp_path / "a")


def test_no_run_here(tmp_path):
    with pytest.raises(UserError, match="no run here"):
        Run.open(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_said(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot be written"):
        Run.create(tmp_path / "a")


@pytest.mark.parametrize("name", ["mine", "mine.partial"])
@pytest.mark.parametrize("text", ["{", "[1]", '{"jog": 5}', None])
def test_only_our_own_folders_are_ever_replaced(tmp_path, name, text):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    if text:
        (folder / "run.json").write_text(text)
    with pytest.raises(UserError, match="taken"):
        Run.create(tmp_path / "mine", overwrite=True)
    assert (folder / "thesis.txt").exists()


def test_links_and_names_that_are_none_are_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no run"):
        Run.create(tmp_path / "link", overwrite=True)
    with pytest.raises(UserError, match="name of its own"):
        Run.create("")


def test_a_run_that_failed_frees_its_name_and_is_not_opened(tmp_path):
    run = Run.create(tmp_path / "a")
    run.fail("KeyboardInterrupt")
    assert "pid" not in json.loads((run.folder / "run.json").read_text())
    with pytest.raises(UserError, match="never finished"):
        Run.open(run.folder)
    Run.create(tmp_path / "a")


def test_a_run_loaded_elsewhere_has_the_same_scores(finished, tmp_path):
    from keras_transfer.run.verification import verify_load

    run, _ = finished
    assert verify_load(run) == {"equal": True, "differences": []}
    shutil.copytree(run.folder, tmp_path / "other")
    other = Run.open(tmp_path / "other")
    model = other.model
    head = model.get_layer("head")
    head.set_weights([array[..., ::-1] for array in head.get_weights()])
    save_keras(model, other.folder / "model.keras", other.predictor.spec)
    found = verify_load(other)
    assert not found["equal"]
    assert ("val", "accuracy") in [difference[:2] for difference in found["differences"]]
    config = json.loads((other.folder / "config.json").read_text())
    (other.folder / "config.json").write_text(json.dumps({**config, "data": "/nowhere"}))
    with pytest.raises(UserError, match="cannot be loaded"):
        verify_load(other)
