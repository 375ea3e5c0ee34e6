"""The verbs beside train: evaluate, predict, export, doctor."""

import csv
import json
import os
from configparser import ConfigParser
from pathlib import Path

import pandas as pd
import pytest

from keras_transfer.cli.doctor import EXTRAS, tables
from keras_transfer.errors import UserError
from keras_transfer.run.roles import read_roles, write_roles
from keras_transfer.tasks import find_task
from tests.support.commands import run_command


def test_evaluate_gives_the_scores_of_the_training(finished):
    run, photos = finished
    code, out, shown = run_command("evaluate", "--model", run.folder, "--data", photos, "--json")
    assert code == 0
    splits = json.loads(out)["splits"]
    assert splits["val"]["accuracy"] == run.metrics["splits"]["val"]["accuracy"]
    assert set(splits) == {"train", "val", "test"}
    assert "of the 36 examples of train 36 trained it" in shown
    assert [splits[name]["used_for_selection"] for name in splits] == [True, False, False]


def test_several_numbers_are_scored_by_their_names():
    task = find_task("regression").from_outputs(("height", "width"))
    labels = task.align([(1.0, 2.0), (3.0, 4.0)], ("width", "height"))
    assert labels == [(2.0, 1.0), (4.0, 3.0)]
    with pytest.raises(UserError, match=r"predicts other numbers .found: depth, height"):
        task.align([(1.0, 2.0)], ("depth", "height"))


def test_examples_that_selected_are_named_too(tmp_path):
    names = ["a", "b", "c"]
    table = pd.DataFrame({"shown": names, "label": names, "split": ["train", "val", "test"]})
    write_roles(tmp_path, table.assign(sha256=["1", "2", "3"], group=""), "val")
    assert read_roles(tmp_path) == {"1": "trained", "2": "selected"}
    assert read_roles(tmp_path / "elsewhere") == {}
    for text in (b"", b"path,kind\na,b\n", b"\xff\xfe\x00", b"role,sha256\nking,1\n"):
        (tmp_path / "splits.csv").write_bytes(text)
        assert read_roles(tmp_path) == {}


def test_predict_in_three_ways(finished, tmp_path):
    run, photos = finished
    (tmp_path / "broken.jpg").write_bytes(b"nothing")
    asked = (
        "predict",
        "--model",
        run.folder / "model.keras",
        photos / "test" / "red",
        str(photos / "test" / "stripes" / "00*.png"),
        tmp_path / "broken.jpg",
    )
    code, out, _ = run_command(*asked, "--json")
    predictions = json.loads(out)
    assert code == 0
    assert len(predictions) == 13
    assert sum(prediction.get("predicted") == "red" for prediction in predictions) >= 5
    assert "error" in predictions[-1]
    first = predictions[0]
    assert first["predicted"] == next(iter(first["probabilities"]))
    code, out, _ = run_command(*asked, "--format", "csv", "--top", "2")
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["predicted"] for row in rows] == [a.get("predicted", "") for a in predictions]
    assert rows[-1]["error"]
    assert "name_2" in rows[0]
    code, out, _ = run_command(*asked)
    assert "cannot be read" in out


def test_export_again_replaces_and_says_what_it_found(finished):
    run, _ = finished
    code, out, _ = run_command("export", "--model", run.folder, "--format", "tflite", "--json")
    assert code == 0
    assert json.loads(out)["files"]["tflite"]["difference"] < 1e-3
    code, _, err = run_command("export", "--model", run.folder, "--format", "tflight")
    assert code == 2
    assert "Did you mean tflite" in err


def test_a_missing_verb_and_an_unknown_one():
    code, out, _ = run_command("--help")
    assert code == 0
    assert "predict" in out
    code, _, err = run_command("trian")
    assert code == 2
    assert "Did you mean train" in err


def test_doctor_knows_what_is_here():
    code, out, _ = run_command("doctor", "--json", env={**os.environ, "KERAS_HOME": "/nowhere"})
    found = json.loads(out)
    assert code == 0
    assert found["versions"]["keras"]
    assert "efficientnet_lite0" in found["weights"]
    assert found["gpus"] or found["why_no_gpu"]
    code, out, _ = run_command("doctor", "--bases")
    assert "mobilenet_v2_0.35" in out


def test_doctor_lists_every_extra_of_the_package():
    setup = ConfigParser()
    setup.read(Path(__file__).resolve().parent.parent / "setup.cfg")
    assert set(EXTRAS) == set(setup["options.extras_require"])


def test_doctor_shows_columns_apart_however_long_a_name_is():
    long = "a_file_of_weights_with_a_name_of_more_than_forty_letters_notop.h5"
    found = {
        "versions": {"keras": "3.13", "a-package-with-a-long-name": None},
        "backend": "tensorflow",
        "cpu": {"cores": 2, "amx": False},
        "gpus": [],
        "why_no_gpu": "no driver",
        "weights": {long: "downloaded by Keras", "short": "package x"},
        "extras": {name: f"pip install '{name}'" for name in EXTRAS} | {"onnx": "installed"},
        "cache": {"folder": "/cache", "bytes": 3 * 2**20},
        "free_disk_bytes": 2**30,
    }
    lines = tables(found).splitlines()
    assert "  a-package-with-a-long-name  missing" in lines
    assert f"  {long}  downloaded by Keras" in lines
    assert f"  {'short'.ljust(len(long))}  package x" in lines
    rows = [line.split("  ") for line in lines if line.startswith("  openvino ")]
    assert "pip install 'openvino'" in [cell.strip() for cell in rows[0]]
    assert any(line.split() == ["onnx", "installed", "the", "format", "onnx"] for line in lines)
    assert "  GPU             none: no driver" in lines
    assert "  none" in tables(found | {"weights": {}}).splitlines()
