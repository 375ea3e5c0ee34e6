"""Exported files are measured against the model, and a damaged one does not pass."""

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from keras_transfer.backend import load_keras
from keras_transfer.cli import export as export_verb
from keras_transfer.errors import UserError
from keras_transfer.export import formats, open_export
from keras_transfer.export.certificate import read_certificate
from keras_transfer.export.certificate.evaluation_set import EvaluationSet
from keras_transfer.export.certificate.examiner import Examiner, fingerprint
from keras_transfer.export.certificate.golden import read_golden
from keras_transfer.export.certificate.non_inferiority import AGREE
from keras_transfer.export.common.network import Network
from keras_transfer.export.common.writing import write_exports
from keras_transfer.inputs.image.reading import load_image
from keras_transfer.run.folder import Run
from tests.support.plain_formats import plain_formats
from tests.support.tiny import (
    NAMES,
    SIZE,
    export_model,
    images,
    predictions,
    spec,
    tiny_model,
)

COUNT = 60


def evaluation_set_for(model, task="classification", count=COUNT):
    """Examples whose labels are what the model predicts, but for every tenth."""
    pixels = images(count, seed=3)
    found = predictions(model, pixels)
    targets = found.argmax(axis=1) if task == "classification" else found
    if task == "multilabel":
        targets = (found > 0.5).astype(np.float32)
    if task == "classification":
        targets[::10] = (targets[::10] + 1) % 3
    shown = [f"{row}.png" for row in range(count)]
    rest = (targets, None, shown, None, lambda: images(60, seed=4))
    return EvaluationSet("val", count, False, pixels, *rest)


def examined(model, evaluation_set, path, about=None):
    """The entry of a file."""
    examiner = Examiner(Network(model, about or spec()), evaluation_set)
    return examiner.examine(path, open_export(path))


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """(model, evaluation_set, folder, entries) of a tiny classification in every format."""
    folder, model = tmp_path_factory.mktemp("certified"), tiny_model()
    evaluation_set = evaluation_set_for(model)
    entries = write_exports(model, spec(), folder, list(plain_formats()), images(8), evaluation_set)
    return model, evaluation_set, folder, entries


def test_every_format_is_measured_and_passes(certified):
    _, _, folder, entries = certified
    certificate = read_certificate(folder)
    assert list(certificate["files"]) == list(plain_formats())
    assert certificate["model"]["accuracy"]["value"] == 0.9
    for name, entry in entries.items():
        assert certificate["files"][name] == json.loads(json.dumps(entry))
        assert entry["passed"], (name, entry["reason"])
        assert entry["sha256"] == fingerprint(folder / entry["path"])
        assert entry["operations"]
        assert (entry["split"], entry["examples"], entry["used_for_selection"]) == (
            "val",
            COUNT,
            False,
        )
        assert entry["latency_ms"]["median"] <= entry["latency_ms"]["p95"]
        same = entry["same_inputs"]
        assert same["agreement"] == 1 - len(same["changed"]) / COUNT
        assert same["accuracy"]["low"] <= same["accuracy"]["value"] <= same["accuracy"]["high"]
        if formats()[name].exact:
            assert same["agreement"] == 1
            assert same["largest_difference"] < 1e-4
    assert not any("Flex" in op for e in entries.values() for op in e["operations"])


def test_golden_files_hold_what_each_file_predicts(certified):
    model, _, folder, _ = certified
    pixels, kept = read_golden(folder)
    assert len(pixels) == 8
    np.testing.assert_allclose(kept["model"], predictions(model, pixels), atol=1e-5)
    golden = json.loads((folder / "golden" / "golden.json").read_text(encoding="utf-8"))
    assert golden["classes"] == NAMES
    for row, example in enumerate(golden["examples"]):
        assert set(example["predictions"]) == {"model", *plain_formats()}
        np.testing.assert_array_equal(
            np.asarray(Image.open(folder / "golden" / example["file"])), pixels[row]
        )
        np.testing.assert_allclose(example["predictions"]["onnx"], kept["onnx"][row], atol=1e-6)


def test_one_format_anew_leaves_what_is_known_of_the_others(certified, tmp_path):
    model, evaluation_set, folder, entries = certified
    shutil.copytree(folder, tmp_path / "exports")
    (tmp_path / "exports" / "model.onnx").unlink()
    write_exports(model, spec(), tmp_path / "exports", ["tflite"], images(8), evaluation_set)
    certificate = read_certificate(tmp_path / "exports")
    assert set(certificate["files"]) == set(plain_formats()) - {"onnx"}
    assert certificate["files"]["tflite"]["sha256"] == entries["tflite"]["sha256"]
    assert set(read_golden(tmp_path / "exports")[1]) == {"model", *plain_formats()}


def test_two_exports_of_one_model_with_dropout_predict_equally(certified, tmp_path):
    model, evaluation_set, folder, entries = certified
    assert any(layer.name.startswith("dropout") for layer in model.layers)
    for name in plain_formats():
        again = export_model(
            model,
            name,
            tmp_path,
            spec(),
            images(8),
            predictions(model, images(8)),
            evaluation_set.sample,
        )
        readers = [open_export(folder / entries[name]["path"]), open_export(again["path"])]
        one, other = (reader.runtime(evaluation_set.inputs) for reader in readers)
        np.testing.assert_array_equal(one, readers[0].runtime(evaluation_set.inputs), err_msg=name)
        if fingerprint(again["path"]) != entries[name]["sha256"]:
            np.testing.assert_array_equal(one, other, err_msg=name)


def encode(pixels, kind, **settings):
    held = io.BytesIO()
    frames = [Image.fromarray(one) for one in pixels]
    if kind == "WEBP":
        frames[0].putalpha(200)
    more = {"append_images": frames[1:], "save_all": True} if len(frames) > 1 else {}
    frames[0].save(held, kind, **more, **settings)
    return held.getvalue()


@pytest.fixture
def on_files(certified, tmp_path):
    """(model, evaluation_set with files, folder): large images, some not for TensorFlow."""
    model, evaluation_set, folder, _ = certified
    large = images(COUNT, 90, seed=3)
    files = []
    for row, example in enumerate(large):
        kind = {0: "GIF", 1: "WEBP", 2: "BMP"}.get(row, "PNG")
        frames = [example, large[5]] if kind == "GIF" else [example]
        files.append(tmp_path / f"{row}.{kind.lower()}")
        files[-1].write_bytes(encode(frames, kind))
    pixels = np.stack([load_image(file, SIZE) for file in files])
    targets = predictions(model, pixels).argmax(axis=1)
    return model, evaluation_set._replace(inputs=pixels, targets=targets, files=files), folder


def test_the_way_from_files_is_measured_and_what_cannot_be_read_is_named(on_files):
    model, evaluation_set, folder = on_files
    entry = examined(model, evaluation_set, folder / "saved_model")
    encoded = entry["from_files"]
    assert entry["passed"], entry["reason"]
    assert encoded["unread"] == ["1.png", "2.png"]  # WebP with alpha, BMP
    assert encoded["examples"] == COUNT - 2
    assert encoded["agreement"] > 0.95
    assert "EXIF" in entry["limits"][0]
    for name in ("tflite", "tflite-any-size"):
        entry = examined(model, evaluation_set, folder / formats()[name].file_name)
        assert entry["from_files"]["unread"] == []
        assert 0 < entry["from_files"]["largest_difference"] < 0.9
        assert entry["from_files"]["examples"] == COUNT


def test_a_file_that_is_gone_is_named(on_files):
    model, evaluation_set, folder = on_files
    evaluation_set.files[9].write_bytes(b"")
    entry = examined(model, evaluation_set, folder / "model.tflite")
    assert entry["from_files"]["unread"] == ["9.png"]


def test_a_broken_decoder_fails(on_files):
    model, evaluation_set, folder = on_files
    swapped = evaluation_set._replace(files=evaluation_set.files[::-1])
    entry = examined(model, swapped, folder / "saved_model")
    assert entry["same_inputs"]["agreement"] == 1
    assert not entry["passed"]
    assert "encoded files" in entry["reason"]


def test_a_format_that_cannot_be_made_leaves_the_others_certified(certified, tmp_path):
    model, evaluation_set, _, _ = certified
    write_exports(model, spec(), tmp_path, ["onnx"], images(8), evaluation_set)
    padded = spec(resize="pad")
    formats = ["tflite", "onnx-any-size"]
    with pytest.raises(UserError, match="squeezes"):
        write_exports(model, padded, tmp_path, formats, images(8), evaluation_set)
    assert set(read_certificate(tmp_path)["files"]) == {"onnx", "tflite"}


def damaged_weights(model):
    other = tiny_model()
    kernel, bias = other.get_layer("head").get_weights()
    other.get_layer("head").set_weights([kernel[:, ::-1], bias[::-1]])
    return other, spec()


def permuted_labels(model):
    return model, spec(names=[*NAMES[1:], NAMES[0]])


def wrong_scaling(model):
    keras = load_keras()
    pixels = keras.Input(model.input_shape[1:], name="pixels")
    return keras.Model(pixels, model(keras.layers.Rescaling(1 / 255)(pixels))), spec()


@pytest.mark.parametrize("damage", [damaged_weights, permuted_labels, wrong_scaling])
@pytest.mark.parametrize("name", ["saved_model", "tflite", "onnx", "openvino"])
def test_a_damaged_export_fails(name, damage, certified, tmp_path):
    model, evaluation_set, _, _ = certified
    other, about = damage(model)
    pixels = images(8)
    written = export_model(other, name, tmp_path, about, pixels, predictions(other, pixels))
    entry = examined(model, evaluation_set, written["path"])
    assert not entry["passed"]
    assert entry["same_inputs"]["agreement"] < AGREE
    assert "agrees with the model on" in entry["reason"]


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_other_tasks_are_certified_too(task, tmp_path):
    model = tiny_model(task)
    evaluation_set = evaluation_set_for(model, task)
    formats = ["tflite", "tflite-int8"]
    entries = write_exports(model, spec(task), tmp_path, formats, images(8), evaluation_set)
    assert entries["tflite"]["passed"]
    assert entries["tflite"]["same_inputs"]["agreement"] == 1
    score = {"multilabel": "macro_average_precision", "regression": "r2"}[task]
    assert entries["tflite"]["same_inputs"][score]["value"] == pytest.approx(1.0)
    assert entries["tflite-int8"]["same_inputs"][score]["value"] > 0.9


def test_a_failed_certificate_is_exit_code_1_and_names_a_safer_format(
    finished, tmp_path, monkeypatch, capsys
):
    shutil.copytree(finished[0].folder, tmp_path / "run")
    run = Run.open(tmp_path / "run")

    def broken(network, path, sample=None):
        other = load_keras().models.clone_model(network.model)
        formats()["tflite-float16"].write(Network(other, network.spec), path, sample)

    form = formats()["tflite-dynamic"]._replace(write=broken)
    monkeypatch.setitem(formats(), "tflite-dynamic", form)
    asked = ["--model", str(run.folder), "--format", "tflite-dynamic"]
    assert export_verb.main(asked) == 1
    shown = capsys.readouterr()
    assert "failed its certificate" in shown.err
    assert "safer format is tflite-float16" in shown.err
    assert "FAILED" in shown.out
    monkeypatch.undo()
    assert export_verb.main(asked) == 0  # exported anew, it passes
    assert run.certificate["files"]["tflite-dynamic"]["passed"]
