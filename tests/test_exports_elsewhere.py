"""Exported files where they are used: on servers, in MediaPipe, in `evaluate` and `predict`."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.export import formats, open_export
from keras_transfer.run.folder import Run
from keras_transfer.run.predictor import Predictor
from tests.support.commands import run_command
from tests.support.plain_formats import plain_formats

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def everywhere(finished, tmp_path_factory):
    """(run, photos) with an export in every format."""
    run, photos = finished
    folder = tmp_path_factory.mktemp("everywhere") / "run"
    shutil.copytree(run.folder, folder)
    run = Run.open(folder)
    run.export(*plain_formats())
    return run, photos


@pytest.mark.parametrize("name", list(plain_formats()))
def test_any_exported_file_is_scored_like_a_run(name, everywhere, capsys):
    run, photos = everywhere
    exported = Predictor.load(run.folder / "exports" / formats()[name].file_name)
    assert exported.spec.outputs == run.classes
    assert exported.spec.task == "classification"
    splits = exported.evaluate(photos)
    wanted = run.predictor.evaluate(photos)
    assert list(splits) == list(wanted)
    for split, scores in splits.items():
        assert scores["used_for_selection"] == (split == "train")
        apart = scores["accuracy"]["value"] - wanted[split]["accuracy"]["value"]
        assert abs(apart) <= (0 if formats()[name].exact else 0.1)
    assert "trained it" in capsys.readouterr().err


def test_evaluate_and_predict_take_an_exported_file(everywhere):
    run, photos = everywhere
    file = run.folder / "exports" / "model-int8.tflite"
    code, out, _ = run_command("evaluate", "--model", file, "--data", photos, "--json")
    assert code == 0
    assert set(json.loads(out)["splits"]) == {"train", "val", "test"}
    code, out, _ = run_command("predict", "--model", file, photos / "val" / "red", "--json")
    assert code == 0
    assert [found["predicted"] for found in json.loads(out)].count("red") >= 5


def test_files_that_are_none_of_ours_are_refused(everywhere, tmp_path):
    run, _ = everywhere
    from keras_transfer.runtimes.conversion import convert

    (tmp_path / "bare.tflite").write_bytes(convert(run.model))
    with pytest.raises(UserError, match="does not say what its outputs mean"):
        Predictor.load(tmp_path / "bare.tflite")
    with pytest.raises(UserError, match="no model here"):
        Predictor.load(tmp_path)


def test_exports_need_the_images_that_were_learned_from(finished, tmp_path):
    run, photos = finished
    shutil.copytree(run.folder, tmp_path / "moved")
    moved = Run.open(tmp_path / "moved")
    shutil.copytree(photos, tmp_path / "photos")
    config = json.loads((moved.folder / "config.json").read_text())
    (moved.folder / "config.json").write_text(json.dumps({**config, "data": "/nowhere"}))
    with pytest.raises(UserError, match="needs training examples"):
        moved.export("tflite-int8")
    found = moved.export("tflite")
    assert "same_inputs" not in found["tflite"]
    assert found["tflite"]["difference"] < 1e-3
    assert moved.export("tflite-int8", data=tmp_path / "photos")["tflite-int8"]["passed"]
    next((tmp_path / "photos" / "train" / "red").iterdir()).unlink()
    with pytest.raises(UserError, match="not the examples"):
        moved.export("tflite", data=tmp_path / "photos")


@pytest.mark.parametrize("name", ["tflite", "tflite-float16", "tflite-dynamic", "tflite-int8"])
def test_mediapipe_loads_the_file_as_it_is(name, everywhere):
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    run, photos = everywhere
    file = run.folder / "exports" / formats()[name].file_name
    options = vision.ImageClassifierOptions(BaseOptions(model_asset_path=str(file)))
    images = sorted(photos.glob("val/*/*.png"))
    from keras_transfer.inputs.image.reading import load_image

    pixels = np.stack([load_image(image, 64) for image in images])
    expected = open_export(file).runtime(pixels)
    with vision.ImageClassifier.create_from_options(options) as classifier:
        for image, wanted in zip(pixels, expected, strict=True):
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
            found = classifier.classify(image).classifications[0].categories
            scores = {category.category_name: category.score for category in found}
            assert list(scores) == [run.classes[place] for place in np.argsort(-wanted)]
            np.testing.assert_allclose([scores[n] for n in run.classes], wanted, atol=0.005)


def test_mediapipe_refuses_a_file_for_any_size(everywhere):
    pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    file = everywhere[0].folder / "exports" / "model-any-size.tflite"
    options = vision.ImageClassifierOptions(BaseOptions(model_asset_path=str(file)))
    with pytest.raises((OSError, RuntimeError, ValueError), match="metadata"):
        vision.ImageClassifier.create_from_options(options)


def test_metadata_says_what_phones_read(everywhere):
    pytest.importorskip("mediapipe")
    from mediapipe.tasks.metadata import metadata_schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    run, _ = everywhere
    for name, floats in (("model.tflite", True), ("model-int8.tflite", False)):
        whole = flatbuffer_utils.read_model(str(run.folder / "exports" / name))
        (entry,) = [m for m in whole.metadata if m.name == b"TFLITE_METADATA"]
        described = schema.ModelMetadataT.InitFromPackedBuf(
            bytes(whole.buffers[entry.buffer].data), 0
        )
        assert b"grey, red, stripes" in described.description
        assert b"Apache-2.0" in described.license
        (graph,) = described.subgraphMetadata
        (pixels,), (prediction,) = graph.inputTensorMetadata, graph.outputTensorMetadata
        assert isinstance(pixels.content.contentProperties, schema.ImagePropertiesT)
        assert bool(pixels.processUnits) == floats
        assert prediction.associatedFiles[0].name == b"labels.txt"
        assert prediction.associatedFiles[0].type == schema.AssociatedFileType.TENSOR_AXIS_LABELS


@pytest.mark.parametrize("place", range(5))
def test_the_code_of_the_server_page_runs(place, everywhere, tmp_path):
    run, photos = everywhere
    text = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 5
    shutil.copytree(run.folder / "exports", tmp_path / "exports")
    from PIL import Image

    with Image.open(photos / "val" / "red" / "000.png") as image:
        image.save(tmp_path / "image.jpg", quality=95)
    stranger = "import sys\nsys.modules['keras_transfer'] = None\n" + blocks[place]
    done = subprocess.run(
        [sys.executable, "-c", stranger], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    if place < 4:
        found = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
        assert set(found) == set(run.classes)
        assert max(found, key=lambda name: float(found[name])) == "red"
    else:
        assert "8 golden images are predicted alike" in done.stdout
