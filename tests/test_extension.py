"""A modality, a task, a strategy and a format of one file each go the whole way."""

import json

import numpy as np
import pytest

from keras_transfer import export
from keras_transfer.backend import load_keras
from keras_transfer.cli.train import main
from keras_transfer.config import names_in
from keras_transfer.errors import UserError
from keras_transfer.run.folder import Run
from keras_transfer.run.predictor import Predictor
from keras_transfer.train import transfer
from tests.conftest import TOYS

FILES = sorted(TOYS.rglob("*.py"))
MOST_LINES = 80
KNOBS = {"modality": "numbers", "task": "boxes", "strategy": "slow_and_steady"}


pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def data(tmp_path):
    """metadata.csv with a row a box: the first two numbers of an example are its centres."""
    generator, lines = np.random.default_rng(0), ["file_name,centre,kind,split"]
    for number in range(90):
        row = generator.uniform(0, 1, 4).round(3)
        (tmp_path / f"{number}.txt").write_text(" ".join(map(str, row)))
        split = "val" if number % 3 == 0 else "train"
        for place in range(1 + number % 2):
            kind = ("cat", "dog")[place]
            lines.append(f"{number}.txt,{row[place]},{kind},{split}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    return tmp_path


def small_base():
    keras = load_keras()
    keras.utils.set_random_seed(0)
    row = keras.Input((4,), name="row")
    return keras.Model(row, keras.layers.Dense(16, "relu", name="wide")(row), name="small")


def test_one_file_is_all_of_each():
    assert len(FILES) == 4
    for file in FILES:
        code = [line for line in file.read_text().splitlines() if line.strip()]
        assert len(code) < MOST_LINES, file.name


def test_toys_go_the_whole_way(data, tmp_path):
    run = transfer(data, base=small_base(), slowness=5.0, out=tmp_path / "run", quiet=True, **KNOBS)
    assert run.config.slowness == 5.0
    assert json.loads((run.folder / "config.json").read_text())["divisor"] == 1.0
    assert run.metrics["task"] == "boxes"
    assert run.metrics["splits"]["val"]["closeness"]["value"] > 0.6
    lines = (run.folder / "predictions.jsonl").read_text().splitlines()
    assert len(lines) == 30
    assert set(json.loads(lines[0])) == {"path", "split", "label", "predicted", "boxes"}
    assert all(entry["passed"] for entry in run.certificate["files"].values())

    predictor = Predictor.load(run.folder)
    scores = predictor.evaluate(data)
    assert scores["val"]["closeness"] == run.metrics["splits"]["val"]["closeness"]
    (found,) = run.predict(data / "3.txt")
    assert len(found["boxes"]) == 2


def test_a_format_is_certified_like_the_others(data, tmp_path):
    out = tmp_path / "run"
    run = transfer(data, base=small_base(), out=out, export=False, quiet=True, **KNOBS)
    entry = Run.open(out).export("weights-only", "saved_model", "tflite")["weights-only"]
    assert entry["passed"]
    assert entry["operations"] == {"matmul": 3}
    assert entry["same_inputs"]["agreement"] == 1.0
    exported = Predictor.load(run.folder / "exports" / "weights.npz")
    (by_file,), (by_model,) = exported.predict([data / "5.txt"]), run.predict(data / "5.txt")
    assert by_file["predicted"] == by_model["predicted"]


def test_flags_of_their_own_join_where_they_are_named(data, tmp_path, capsys):
    asked = ["--data", str(data), "--modality", "numbers", "--task", "boxes"]
    with pytest.raises(SystemExit):
        main([*asked, "--slowness", "2"])  # of a strategy that is not named
    assert "slowness" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*asked, "--strategy", "slow_and_steady", "--help"])
    text = capsys.readouterr().out
    assert "How many times slower than usual it learns" in text
    assert "What the numbers of a file are divided by" in text
    assert "--image-size" not in text


def test_settings_of_their_own_are_checked(data):
    with pytest.raises(UserError, match="--slowness is out of range"):
        transfer(data, base=small_base(), slowness=0.5, **KNOBS)
    with pytest.raises(UserError, match="trains everything"):
        transfer(data, base=small_base(), trainable="last:1", **KNOBS)
    with pytest.raises(UserError, match="slowness"):
        transfer(data, base=small_base(), slowness=2.0, modality="numbers", task="boxes")


def test_what_cannot_be_read_is_skipped_and_named(data, tmp_path):
    (data / "4.txt").write_text("one two three four")
    run = transfer(data, base=small_base(), out=tmp_path / "run", export=False, quiet=True, **KNOBS)
    assert (run.folder / "skipped.csv").read_text().splitlines()[1].endswith("not a row of numbers")
    assert run.metrics["examples"] == {"read": 90, "skipped": 1}


def test_rooms_list_their_files():
    names = ("boxes", "classification", "detection", "multilabel", "regression", "segmentation")
    assert names_in("tasks") == names
    assert names_in("inputs") == ("image", "numbers")
    assert "weights-only" in export.formats()
