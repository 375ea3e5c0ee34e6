"""The main job from pictures to proven files, in Python and on the command line."""

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import keras_transfer as kt
from keras_transfer import train
from keras_transfer.data.roles import read_roles, write_roles
from keras_transfer.data.sources import Source
from keras_transfer.errors import UserError
from keras_transfer.export.keras_file import About
from keras_transfer.predictor import _in_order
from tests.conftest import KINDS

FAST = ["--image-size", "64", "--no-export", "--quiet"]
SPLITS = {"train": 12, "val": 6, "test": 6}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One whole run with its exports, on the embedded base."""
    from tests.conftest import class_folder

    place = tmp_path_factory.mktemp("finished")
    photos = class_folder.__wrapped__(place)(SPLITS)
    return kt.transfer(photos, image_size=64, out=place / "run", quiet=True), photos


def run_command(*arguments, **settings):
    """The command in a process of its own; (exit code, stdout, stderr)."""
    done = subprocess.run(
        [sys.executable, "-m", "keras_transfer", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        **settings,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_run_holds_what_it_should(finished):
    run, _ = finished
    names = {p.name for p in run.folder.iterdir()}
    assert names == {
        "check.npz",
        "classes.txt",
        "config.json",
        "exports",
        "history.csv",
        "left_out.csv",
        "log.txt",
        "metrics.json",
        "model.keras",
        "predictions.csv",
        "run.json",
        "splits.csv",
    }
    assert run.info["state"] == "finished"
    assert run.classes == KINDS
    assert run.config.image_size == 64


def test_metrics_have_the_shape_that_others_read(finished):
    metrics = finished[0].metrics
    assert metrics["schema"] == 1
    assert metrics["task"] == "classification"
    assert list(metrics["splits"]) == ["val", "test"]
    val = metrics["splits"]["val"]
    assert val["n"] == 18
    assert val["used_to_choose"] is False
    assert set(val["accuracy"]) == {"value", "low", "high"}
    assert val["accuracy"]["value"] > 0.9
    assert set(val["per_class"]["red"]) == {"n", "precision", "recall", "f1"}
    assert np.sum(val["confusion"]) == 18
    assert metrics["pictures"] == {"read": 72, "left_out": 0}
    assert metrics["features"]["computed"] == 72
    assert set(metrics["seconds"]) >= {
        "total",
        "import",
        "read",
        "extract",
        "fit",
        "evaluate",
        "export",
    }


def test_predictions_carry_paths_and_probabilities(finished):
    run, photos = finished
    with open(run.folder / "predictions.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 36
    for row in rows:
        assert (photos / row["path"]).exists()
        assert Path(row["path"]).parent.name == row["label"]
        chances = {kind: float(row[f"p_{kind}"]) for kind in KINDS}
        assert sum(chances.values()) == pytest.approx(1, abs=1e-4)
        assert row["predicted"] == max(chances, key=chances.get)


def test_exports_answer_as_the_model(finished):
    from keras_transfer.export.check import predict_saved_model, predict_tflite
    from keras_transfer.export.exports import read_exports

    run, _ = finished
    found = read_exports(run.folder / "exports")
    assert set(found) == {"saved_model", "tflite"}
    assert all(facts["difference"] < 1e-3 for facts in found.values())
    pixels = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3)).astype(np.uint8)
    said = np.asarray(run.model(pixels.astype(np.float32)))
    for path, predict in (("saved_model", predict_saved_model), ("model.tflite", predict_tflite)):
        np.testing.assert_allclose(predict(run.folder / "exports" / path, pixels), said, atol=1e-4)


def test_the_model_loads_in_plain_keras(finished):
    code = (
        "import sys, keras; m = keras.models.load_model(sys.argv[1]); "
        "assert 'keras_transfer' not in sys.modules; print(m.output_shape)"
    )
    path = str(finished[0].folder / "model.keras")
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True, cwd="/"
    )
    assert "(None, 3)" in done.stdout


def test_the_run_says_what_it_is(finished):
    text = repr(finished[0])
    assert "efficientnet_lite0" in text
    assert "accuracy" in text
    assert "<pre>" in finished[0]._repr_html_()
    assert len(finished[0].history) > 3


def test_evaluate_gives_the_scores_of_the_training(finished):
    run, photos = finished
    code, out, said = run_command("evaluate", "--model", run.folder, "--data", photos, "--json")
    assert code == 0
    splits = json.loads(out)["splits"]
    assert splits["val"]["accuracy"] == run.metrics["splits"]["val"]["accuracy"]
    assert set(splits) == {"train", "val", "test"}
    assert "of the 36 pictures of train 36 trained it" in said
    assert [splits[name]["used_to_choose"] for name in splits] == [True, False, False]


def numbers_called(targets, labels):
    column = pd.Series(labels, dtype=object)
    return Source("x", pd.DataFrame({"label": column}), None, None, "table", (), targets)


def test_several_numbers_are_scored_by_their_names():
    about = About("regression", ("height", "width"), "squeeze", 64, "vgg16")
    source = _in_order(numbers_called(("width", "height"), [(1.0, 2.0), (3.0, 4.0)]), about)
    assert list(source.table["label"]) == [(2.0, 1.0), (4.0, 3.0)]
    with pytest.raises(UserError, match=r"predicts other numbers .found: depth, height"):
        _in_order(numbers_called(("depth", "height"), [(1.0, 2.0)]), about)


def test_pictures_that_chose_are_named_too(tmp_path):
    table = pd.DataFrame({"shown": ["a", "b", "c"], "split": ["train", "val", "test"]})
    write_roles(tmp_path, table.assign(sha256=["1", "2", "3"]), {"val"})
    assert read_roles(tmp_path) == {"1": "trained", "2": "chose"}
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
    answers = json.loads(out)
    assert code == 0
    assert len(answers) == 13
    assert sum(answer.get("predicted") == "red" for answer in answers) >= 5
    assert "error" in answers[-1]
    first = answers[0]
    assert first["predicted"] == next(iter(first["probabilities"]))
    code, out, _ = run_command(*asked, "--format", "csv", "--top", "2")
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["predicted"] for row in rows] == [a.get("predicted", "") for a in answers]
    assert rows[-1]["error"]
    assert "name_2" in rows[0]
    code, out, _ = run_command(*asked)
    assert "cannot be read" in out


def test_weights_that_do_not_fit_are_refused_before_pictures_are_read(finished, tmp_path, capsys):
    run, photos = finished
    weights = ["--base", "mobilenet_v2_0.35", "--weights", run.folder]
    talking = [flag for flag in FAST if flag != "--quiet"]
    asked = ["--data", photos, "--out", tmp_path / "run", *weights]
    assert train.main([*talking, *map(str, asked)]) == 2
    err = capsys.readouterr().err
    assert "Reading pictures" not in err
    assert "do not fit" in err


def test_export_again_replaces_and_says_what_it_found(finished):
    run, _ = finished
    code, out, _ = run_command("export", "--model", run.folder, "--format", "tflite", "--json")
    assert code == 0
    assert json.loads(out)["tflite"]["difference"] < 1e-3
    code, _, err = run_command("export", "--model", run.folder, "--format", "tflight")
    assert code == 2
    assert "Did you mean tflite" in err


def test_a_run_is_the_base_of_the_next(finished, class_folder, tmp_path):
    run, _ = finished
    other = class_folder(8, "other", kinds=("red", "stripes"))
    settings = {"image_size": 64, "export": False, "quiet": True}
    following = kt.transfer(other, weights=str(run.folder), out=tmp_path / "next", **settings)
    assert following.classes == ("red", "stripes")
    ours, theirs = (m.get_layer("stem_conv").get_weights()[0] for m in (following.model, run.model))
    assert (ours == theirs).all()


def test_a_draw_where_the_data_brings_no_split(class_folder, tmp_path):
    run = kt.transfer(class_folder(10), image_size=64, out=tmp_path / "r", export=False, quiet=True)
    assert list(run.metrics["splits"]) == ["test"]
    assert run.metrics["splits"]["test"]["n"] == 6


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_tables_of_other_tasks(task, class_folder, tmp_path):
    photos = class_folder(10)
    lines = ["path,label"]
    for kind_number, kind in enumerate(KINDS):
        for number in range(10):
            several = f"{kind}|even" if number % 2 == 0 else kind
            label = several if task == "multilabel" else str(kind_number + number / 20)
            lines.append(f"{kind}/{number:03d}.png,{label}")
    (photos / "pictures.csv").write_text("\n".join(lines))
    run = kt.transfer(photos, image_size=64, out=tmp_path / "r", quiet=True)
    assert run.metrics["task"] == task
    score = run.metrics["splits"]["test"][{"multilabel": "map", "regression": "r2"}[task]]
    assert score["value"] > 0.3
    answer = run.predict(photos / "red" / "000.png")[0]
    assert "red" in answer["predicted"] if task == "multilabel" else float(answer["predicted"]) > 0


def test_arrays_and_fine_tuning_in_python(tmp_path):
    from tests.conftest import draw

    images = np.stack([draw(kind, number) for kind in KINDS for number in range(16)])
    labels = np.repeat(KINDS, 16)
    run = kt.transfer(
        (images, labels),
        base="mobilenet_v2_0.35",
        weights="none",
        strategy="fine_tuning",
        image_size=32,
        trainable="last:3",
        epochs=2,
        out=tmp_path / "r",
        quiet=True,
        precision="mixed_bfloat16",
        class_weight="balanced",
    )
    assert len(run.history) == 2
    assert (run.folder / "exports" / "model.tflite").exists()


def test_same_seed_same_bytes_of_weights(class_folder, tmp_path):
    photos = class_folder(8)
    settings = {"image_size": 64, "export": False, "quiet": True, "seed": 3}
    one = kt.transfer(photos, out=tmp_path / "a", **settings)
    other = kt.transfer(photos, out=tmp_path / "b", **settings)
    for a, b in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        assert (a == b).all()
    assert one.info["data"] == other.info["data"]


def command(capsys, *arguments):
    """The command in this process; (exit code, stderr)."""
    capsys.readouterr()
    code = train.main([*FAST, *map(str, arguments)])
    return code, capsys.readouterr().err


def keep_two_each(folder):
    for kind in folder.iterdir():
        for path in sorted(kind.iterdir())[2:]:
            path.unlink()


def break_one_class(folder):
    for path in list((folder / "red").iterdir())[1:]:
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "flags", "message"),
    [
        (lambda f: [p.unlink() for p in f.rglob("*.png")], [], "no pictures|empty"),
        (lambda f: None, ["--base", "vgg61"], "unknown base.*Did you mean vgg"),
        (lambda f: None, ["--weights", "nowhere.h5"], "nowhere.h5"),
        (lambda f: None, ["--data", ""], "--data is empty"),
        (lambda f: None, ["--strategy", "fine_tuning", "--trainable", "block9"], "block7"),
        (lambda f: None, ["--strategy", "fine_tuning", "--trainable", "last:0"], "from 1"),
        (lambda f: None, ["--trainable", "all"], "keeps the whole base"),
        (lambda f: None, ["--image-size", "8"], "--image-size is out of range"),
        (lambda f: None, ["--base", "xception"], "--image-size is too small for xception"),
        (keep_two_each, [], "too few to divide.*three pictures or more"),
        (
            lambda f: (f / "red" / "x.png").write_bytes(b""),
            ["--max-left-out", "0"],
            "1 of 25 pictures cannot be read",
        ),
        (break_one_class, ["--max-left-out", "1"], "red"),
        (lambda f: (f / "pictures.csv").write_text("file,class\na,b\n"), [], "path.*label"),
        (lambda f: (f / "pictures.csv").write_text("path,label\n../a.png,b\n"), [], "leave"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_nothing_left(
    class_folder, tmp_path, capsys, spoil, flags, message
):
    import re

    photos = class_folder(8)
    spoil(photos)
    before = sorted(photos.rglob("*"))
    code, err = command(capsys, "--data", photos, "--out", tmp_path / "run", *flags)
    assert code == 2
    line = err.strip().splitlines()[-1]
    assert line.startswith("keras-transfer: ")
    assert re.search(message, line), line
    assert "Traceback" not in err
    assert not list(tmp_path.glob("run*"))
    assert sorted(photos.rglob("*")) == before


def test_a_missing_folder_and_a_flag_that_is_none(tmp_path, capsys):
    code, err = command(capsys, "--data", tmp_path / "nowhere", "--out", tmp_path / "run")
    assert code == 2
    assert "nowhere" in err
    with pytest.raises(SystemExit) as stopped:
        train.main(["--epohs", "3"])
    assert stopped.value.code == 2
    assert "--epochs" in capsys.readouterr().err


def test_an_existing_run_is_an_error(finished, class_folder, capsys):
    run, photos = finished
    code, err = command(capsys, "--data", photos, "--out", run.folder)
    assert code == 2
    assert "--overwrite" in err


def test_a_file_system_that_takes_no_more_is_one_line(class_folder, tmp_path):
    def only_small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))

    photos, out = class_folder(8), tmp_path / "out"
    out.mkdir()
    code, _, err = run_command(
        "train", "--data", photos, "--out", out / "run", *FAST, preexec_fn=only_small_files
    )
    assert code == 2, err
    assert "Traceback" not in err
    assert not (out / "run").exists()


def test_an_interrupted_run_stays_as_partial(class_folder, tmp_path):
    photos = class_folder(10)
    command = [
        sys.executable,
        "-m",
        "keras_transfer",
        "train",
        "--data",
        str(photos),
        "--out",
        str(tmp_path / "run"),
        "--strategy",
        "fine_tuning",
        "--epochs",
        "10000",
        "--patience",
        "10000",
        "--image-size",
        "64",
        "--no-export",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run.partial" / "log.txt"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (log.exists() and "Computing" in log.read_text()):
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert not (tmp_path / "run").exists()
    info = json.loads((tmp_path / "run.partial" / "run.json").read_text())
    assert info["state"] == "failed"


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
