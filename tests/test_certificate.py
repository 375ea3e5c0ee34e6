"""Exported files are measured against the model, and a damaged one does not pass."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.cli import export as export_verb
from keras_transfer.export import FORMATS, export_model
from keras_transfer.export.certificate import Examiner, fingerprint, read_certificate
from keras_transfer.export.comparing import AGREE, agreeing, compare, judge_file
from keras_transfer.export.evidence import Evidence
from keras_transfer.export.exports import write_exports
from keras_transfer.export.golden import read_golden
from keras_transfer.export.readers import open_export
from keras_transfer.runtime import load_keras
from keras_transfer.tasks import find_task
from tests.tiny import NAMES, about, answers, pictures, tiny_model

COUNT = 60


def evidence_for(model, task="classification", count=COUNT):
    """Pictures whose labels are what the model says, but for every tenth."""
    pixels = pictures(count, seed=3)
    said = answers(model, pixels)
    targets = said.argmax(axis=1) if task == "classification" else said
    if task == "multilabel":
        targets = (said > 0.5).astype(np.float32)
    if task == "classification":
        targets[::10] = (targets[::10] + 1) % 3
    shown = [f"{row}.png" for row in range(count)]
    sample = pictures(60, seed=4)
    return Evidence("val", count, False, pixels, targets, None, shown, None, sample)


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """(model, evidence, folder, entries) of a tiny classification in every format."""
    folder, model = tmp_path_factory.mktemp("certified"), tiny_model()
    evidence = evidence_for(model)
    entries = write_exports(model, about(), folder, list(FORMATS), pictures(8), evidence)
    return model, evidence, folder, entries


def test_every_format_is_measured_and_passes(certified):
    _, _, folder, entries = certified
    certificate = read_certificate(folder)
    assert list(certificate["files"]) == list(FORMATS)
    assert certificate["pictures"] == COUNT
    assert certificate["model"]["accuracy"]["value"] == 0.9
    for name, entry in entries.items():
        assert certificate["files"][name] == json.loads(json.dumps(entry))
        assert entry["passed"], (name, entry["why"])
        assert entry["sha256"] == fingerprint(folder / entry["path"])
        assert entry["operations"]
        assert entry["latency_ms"]["median"] <= entry["latency_ms"]["p95"]
        same = entry["same_pixels"]
        assert same["agreement"] == 1 - len(same["changed"]) / COUNT
        assert same["accuracy"]["low"] <= same["accuracy"]["value"] <= same["accuracy"]["high"]
        if FORMATS[name].exact:
            assert same["agreement"] == 1
            assert same["largest_difference"] < 1e-4
    assert not any("Flex" in op for e in entries.values() for op in e["operations"])


def test_golden_files_hold_what_each_file_answers(certified):
    model, _, folder, _ = certified
    pixels, kept = read_golden(folder)
    assert len(pixels) == 8
    np.testing.assert_allclose(kept["model"], answers(model, pixels), atol=1e-5)
    told = json.loads((folder / "golden" / "golden.json").read_text(encoding="utf-8"))
    assert told["classes"] == NAMES
    from PIL import Image

    for row, picture in enumerate(told["pictures"]):
        assert set(picture["answers"]) == {"model", *FORMATS}
        np.testing.assert_array_equal(
            np.asarray(Image.open(folder / "golden" / picture["file"])), pixels[row]
        )
        np.testing.assert_allclose(picture["answers"]["onnx"], kept["onnx"][row], atol=1e-6)


def test_one_format_anew_leaves_what_is_known_of_the_others(certified, tmp_path):
    model, evidence, folder, entries = certified
    shutil.copytree(folder, tmp_path / "exports")
    (tmp_path / "exports" / "model.onnx").unlink()
    write_exports(model, about(), tmp_path / "exports", ["tflite"], pictures(8), evidence)
    certificate = read_certificate(tmp_path / "exports")
    assert set(certificate["files"]) == set(FORMATS) - {"onnx"}
    assert certificate["files"]["tflite"]["sha256"] == entries["tflite"]["sha256"]
    assert set(read_golden(tmp_path / "exports")[1]) == {"model", *FORMATS}


def test_two_exports_of_one_model_with_dropout_answer_equally(certified, tmp_path):
    model, evidence, folder, entries = certified
    assert any(layer.name.startswith("dropout") for layer in model.layers)
    for name in FORMATS:
        again = export_model(
            model,
            name,
            tmp_path,
            about(),
            pictures(8),
            answers(model, pictures(8)),
            evidence.sample,
        )
        readers = [open_export(folder / entries[name]["path"]), open_export(again["path"])]
        one, other = (reader.answers(evidence.pixels) for reader in readers)
        np.testing.assert_array_equal(one, readers[0].answers(evidence.pixels), err_msg=name)
        if fingerprint(again["path"]) != entries[name]["sha256"]:
            np.testing.assert_array_equal(one, other, err_msg=name)


def damaged_weights(model):
    other = tiny_model()
    kernel, bias = other.get_layer("head").get_weights()
    other.get_layer("head").set_weights([kernel[:, ::-1], bias[::-1]])
    return other, about()


def permuted_labels(model):
    return model, about(names=[*NAMES[1:], NAMES[0]])


def wrong_scaling(model):
    keras = load_keras()
    pixels = keras.Input(model.input_shape[1:], name="pixels")
    return keras.Model(pixels, model(keras.layers.Rescaling(1 / 255)(pixels))), about()


@pytest.mark.parametrize("damage", [damaged_weights, permuted_labels, wrong_scaling])
@pytest.mark.parametrize("name", ["saved_model", "tflite", "onnx", "openvino"])
def test_a_damaged_export_fails(name, damage, certified, tmp_path):
    model, evidence, _, _ = certified
    examiner = Examiner(model, about(), evidence)
    other, told = damage(model)
    pixels = pictures(8)
    written = export_model(other, name, tmp_path, told, pixels, answers(other, pixels))
    entry = examiner.examine(written["path"])
    assert not entry["passed"]
    assert entry["same_pixels"]["agreement"] < AGREE
    assert "as the model does" in entry["why"]


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_other_tasks_are_certified_too(task, tmp_path):
    model = tiny_model(task)
    evidence = evidence_for(model, task)
    formats = ["tflite", "tflite-int8"]
    entries = write_exports(model, about(task), tmp_path, formats, pictures(8), evidence)
    assert entries["tflite"]["passed"]
    assert entries["tflite"]["same_pixels"]["agreement"] == 1
    score = {"multilabel": "map", "regression": "r2"}[task]
    assert entries["tflite"]["same_pixels"][score]["value"] == pytest.approx(1.0)
    assert entries["tflite-int8"]["same_pixels"][score]["value"] > 0.9


def judged(right_model, right_file, max_drop=0.01):
    """The Verdict of a two-class file, told which pictures each gets right."""
    task = find_task("classification").of_outputs(("a", "b"))
    targets = np.zeros(len(right_model), np.int64)
    one, other = (np.eye(2)[1 - np.asarray(right, int)] for right in (right_model, right_file))
    return judge_file(task, targets, one, other, max_drop)


def test_a_drop_counts_when_it_is_more_than_chance():
    right = np.ones(1000, bool)
    worse = right.copy()
    worse[:30] = False
    verdict = judged(right, worse)
    assert not verdict.passed
    assert verdict.drop == pytest.approx(0.03)
    assert verdict.p_value == pytest.approx(0.5**30)  # McNemar: thirty changes, all for the worse
    few = judged(right[:66], np.r_[worse[:2], right[:64]])
    assert few.passed  # two of two changes: p = 1/4
    assert few.p_value == pytest.approx(0.25)
    # sd of the losses is sqrt(0.0303 * 0.9697) = 0.171; (1.645 * 0.171 / 0.0303)^2 = 86.6
    assert few.pictures_needed == 87
    assert "87 pictures" in few.why
    assert judged(right, right).pictures_needed is None
    assert judged(right, worse, max_drop=0.05).passed


def test_changes_that_lose_nothing_pass_when_there_are_enough():
    right = np.arange(2000) % 10 > 0
    shifted = np.roll(right, 1000)
    moved = shifted.copy()
    moved[:10], moved[10:20] = True, False
    verdict = judged(shifted, moved)
    assert verdict.passed
    assert verdict.pictures_needed is None


@given(seed=st.integers(0, 10**6), count=st.integers(2, 80))
@settings(max_examples=40, deadline=None)
def test_a_file_that_answers_alike_passes_whatever_it_is_asked(seed, count):
    rng = np.random.default_rng(seed)
    for name, width in (("classification", 4), ("multilabel", 3), ("regression", 2)):
        task = find_task(name).of_outputs(tuple("abcd"[:width]))
        said = rng.dirichlet(np.ones(width), count)
        targets = rng.integers(0, width, count) if name == "classification" else said.round()
        verdict = judge_file(task, targets, said, said.copy(), 0.0)
        assert verdict.passed
        assert verdict.drop == 0
        assert agreeing(task, said, said).all()
        compared = compare(task, said, said, [str(row) for row in range(count)])
        assert compared["largest_difference"] == 0
        assert compared["changed"] == []


def test_a_failed_certificate_is_exit_code_1_and_names_a_safer_format(
    finished, monkeypatch, capsys
):
    run, _ = finished

    def broken(model, path, told, sample=None):
        other = load_keras().models.clone_model(model)
        FORMATS["tflite-float16"].write(other, path, told, sample)

    form = FORMATS["tflite-dynamic"]._replace(write=broken)
    monkeypatch.setitem(FORMATS, "tflite-dynamic", form)
    asked = ["--model", str(run.folder), "--format", "tflite-dynamic"]
    assert export_verb.main(asked) == 1
    shown = capsys.readouterr()
    assert "failed its certificate" in shown.err
    assert "safer format is tflite-float16" in shown.err
    assert "FAILED" in shown.out
    monkeypatch.undo()
    assert export_verb.main(asked) == 0  # exported anew, it passes
    assert run.certificate["files"]["tflite-dynamic"]["passed"]
