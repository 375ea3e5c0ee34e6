"""Files of detectors and segmentations: what each gives, and what MediaPipe makes of it."""

import json

import numpy as np
import pytest
from PIL import Image

import keras_transfer as kt
from keras_transfer.errors import UserError
from keras_transfer.evaluate.boxes import find
from keras_transfer.export import find_format, open_export
from keras_transfer.export.common.network import Network
from keras_transfer.export.tflite.calibration import Calibrated
from keras_transfer.runtimes.postprocessed import Postprocessed
from keras_transfer.tasks import load_task
from tests.support.commands import run_command
from tests.support.dense import QUICK, plant_masks, plant_squares

COUNTS = {"train": 24, "val": 8, "test": 8}
BOX_FORMATS = ("tflite", "tflite-nms", "saved_model", "onnx", "openvino")
MASK_FORMATS = ("tflite", "saved_model", "onnx", "openvino")


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """(the run of a detector that finds most things, its data)."""
    place = tmp_path_factory.mktemp("detector")
    data = plant_squares(place / "data", COUNTS)
    run = kt.transfer(data, out=place / "run", epochs=60, **{**QUICK, "report": True})
    run.export(*BOX_FORMATS, "tflite-int8", "tflite-int8-nms", max_drop=0.1)
    return run, data


@pytest.fixture(scope="module")
def segmentation(tmp_path_factory):
    place = tmp_path_factory.mktemp("segmentation")
    data = plant_masks(place / "data", COUNTS)
    run = kt.transfer(data, out=place / "run", epochs=40, **{**QUICK, "report": True})
    run.export(*MASK_FORMATS, "tflite-int8", max_drop=0.1)
    return run, data


def predictions_of(run, name):
    """What a file predicts for the examples that exports are proven on."""
    exported = open_export(run.folder / "exports" / find_format(name).file_name)
    return Postprocessed(exported.runtime, load_task(exported.spec))(run.check_examples)


def test_the_detector_finds_what_was_drawn(detector):
    run, _ = detector
    score = run.metrics["splits"]["test"]
    assert score["map50"]["value"] > 0.5
    shown = score["shown"]
    assert shown["threshold"] == run.predictor.task.score_from
    assert shown["f1"]["low"] <= shown["f1"]["value"] <= shown["f1"]["high"]


@pytest.mark.parametrize("name", BOX_FORMATS)
def test_float_files_of_a_detector_predict_as_the_model(detector, name):
    run, _ = detector
    entry = run.certificate["files"][name]
    assert entry["passed"]
    assert entry["same_inputs"]["agreement"] == 1
    assert entry["same_inputs"]["largest_difference"] < 1e-3
    own = run.certificate["model"]["map50"]["value"]
    assert abs(entry["same_inputs"]["map50"]["value"] - own) <= 0.002


@pytest.mark.parametrize("name", ["tflite-int8", "tflite-int8-nms"])
def test_int8_files_of_a_detector_find_nearly_the_same(detector, name):
    run, _ = detector
    assert run.certificate["files"][name]["same_inputs"]["agreement"] > 0.85


def test_what_comes_behind_the_network_stays_float(detector):
    """256 steps of a box's sides would be pixels wide."""
    from ai_edge_litert.interpreter import Interpreter

    run, _ = detector
    predictor = run.predictor
    network = Network(predictor.model, predictor.spec).with_form("postprocessed")
    examples = run.check_examples
    data = Calibrated(network.traced, network.model.weights, examples).quantise()
    tensors = Interpreter(model_content=data).get_tensor_details()
    behind = [tensor for tensor in tensors if tensor["name"].startswith("finish/")]
    assert behind
    moves = ("Reshape", "TopKV2", "strided_slice", "GatherV2")  # which change no number
    bytes_ = [t["name"].split("/")[1] for t in behind if t["dtype"] in (np.int8, np.uint8)]
    assert all(name.startswith(moves) for name in bytes_)
    assert any(tensor["dtype"] == np.int8 for tensor in tensors)


@pytest.mark.parametrize("name", MASK_FORMATS)
def test_float_files_of_a_segmentation_predict_as_the_model(segmentation, name):
    run, _ = segmentation
    entry = run.certificate["files"][name]
    assert entry["passed"]
    assert entry["same_inputs"]["agreement"] > 0.9999
    own = run.certificate["model"]["miou"]["value"]
    assert abs(entry["same_inputs"]["miou"]["value"] - own) <= 0.002


def test_golden_files_hold_boxes(detector):
    run, _ = detector
    golden = json.loads((run.folder / "exports" / "golden" / "golden.json").read_text())
    for example in golden["examples"]:
        boxes = example["predictions"]["model"]["boxes"]
        assert all(set(one) == {"label", "score", "box"} for one in boxes)
        assert all(0 <= corner <= 1 for one in boxes for corner in one["box"])
        assert len(example["predictions"]["tflite"]["boxes"]) == len(boxes)


def test_a_server_gives_detections_of_whole_files(detector):
    import tensorflow as tf

    run, data = detector
    served = tf.saved_model.load(str(run.folder / "exports" / "saved_model"))
    file = data / "test0.png"
    found = served.signatures["serving_default"](tf.constant([file.read_bytes()]))
    count = int(found["detections"][0])
    sure = found["detection_scores"][0].numpy()[:count] >= run.predictor.task.score_from
    labels = [label.decode() for label in found["detection_labels"][0].numpy()[:count][sure]]
    expected = run.predict(file)[0]["boxes"]
    assert labels == [one["label"] for one in expected]
    boxes = 64 * found["detection_boxes"][0].numpy()[:count][sure]
    np.testing.assert_allclose(boxes, [one["box"] for one in expected], atol=0.1)


def test_nms_inside_is_refused_where_there_is_none(detector, segmentation, capsys):
    for run, name, reason in (
        (segmentation[0], "tflite", "--nms inside is for files that find boxes"),
        (detector[0], "onnx", "onnx cannot find boxes by itself"),
    ):
        before = sorted(run.folder.rglob("*"))
        command = ("export", "--model", run.folder, "--format", name, "--nms", "inside")
        code, _, err = run_command(*command)
        assert code == 2
        assert reason in err
        assert sorted(run.folder.rglob("*")) == before


# --- MediaPipe


def media_detections(run, name, examples, threshold):
    """[(d, 6)] of what MediaPipe's ObjectDetector finds: class number, box, score."""
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    file = run.folder / "exports" / find_format(name).file_name
    options = {"max_results": 100, "score_threshold": threshold}
    options = vision.ObjectDetectorOptions(BaseOptions(model_asset_path=str(file)), **options)
    found = []
    with vision.ObjectDetector.create_from_options(options) as detector:
        for pixels in examples:
            height, width = pixels.shape[:2]
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
            rows = []
            for one in detector.detect(image).detections:
                box, (kind, *_) = one.bounding_box, one.categories
                left, top = box.origin_x / width, box.origin_y / height
                corners = (left, top, left + box.width / width, top + box.height / height)
                rows.append([run.classes.index(kind.category_name), *corners, kind.score])
            rows.sort(key=lambda row: -row[5])
            found.append(np.array(rows).reshape(-1, 6))
    return found


@pytest.mark.parametrize(
    ("name", "share"), [("tflite-nms", 0.98), ("tflite-int8-nms", 0.8), ("tflite", 0.7)]
)
def test_mediapipe_finds_the_same_objects(detector, name, share):
    """Of `tflite` fewer: MediaPipe merges boxes of any class at an IoU of 0.3."""
    run, _ = detector
    task, examples = run.predictor.task, run.check_examples
    own = task.shown_of(run.predictor.predict_arrays(examples))
    theirs = media_detections(run, name, examples, task.score_from)
    hits = sum(
        (find(one[:, :5], two).objects >= 0).sum() for one, two in zip(own, theirs, strict=True)
    )
    assert hits >= share * sum(map(len, own))
    if name == "tflite-nms":
        assert sum(map(len, theirs)) <= 1.02 * sum(map(len, own))


@pytest.mark.parametrize("name", ["tflite", "tflite-int8"])
def test_mediapipe_gives_the_masks_of_a_segmentation(segmentation, name):
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    run, _ = segmentation
    file = run.folder / "exports" / find_format(name).file_name
    options = vision.ImageSegmenterOptions(
        BaseOptions(model_asset_path=str(file)), output_category_mask=True
    )
    expected = predictions_of(run, name)
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        assert tuple(segmenter.labels) == run.classes
        for pixels, wanted in zip(run.check_examples, expected, strict=True):
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
            found = segmenter.segment(image).category_mask.numpy_view().squeeze()
            assert (found == wanted).mean() > 0.99


def test_metadata_holds_an_anchor_for_each_cell(detector):
    pytest.importorskip("mediapipe")
    from mediapipe.tasks.metadata import (
        metadata_schema_py_generated as schema,
    )
    from mediapipe.tasks.metadata import (
        object_detector_metadata_schema_py_generated as detector_schema,
    )
    from tensorflow.lite.tools import flatbuffer_utils

    run, _ = detector
    whole = flatbuffer_utils.read_model(str(run.folder / "exports" / "model.tflite"))
    (entry,) = [m for m in whole.metadata if m.name == b"TFLITE_METADATA"]
    data = bytes(whole.buffers[entry.buffer].data)
    (graph,) = schema.ModelMetadataT.InitFromPackedBuf(data, 0).subgraphMetadata
    assert [output.name for output in graph.outputTensorMetadata] == [b"location", b"score"]
    (custom,) = graph.customMetadata
    options = detector_schema.ObjectDetectorOptionsT.InitFromPackedBuf(bytes(custom.data), 0)
    anchors = run.predictor.task.anchors
    fixed = options.ssdAnchorsOptions.fixedAnchorsSchema.anchors
    found = [(a.xCenter, a.yCenter, a.width, a.height) for a in fixed]
    np.testing.assert_allclose(found, np.concatenate(anchors, axis=1), rtol=1e-6)
    decoding = options.tensorsDecodingOptions
    assert (decoding.numClasses, decoding.numBoxes) == (2, len(found))
    assert not decoding.applyExponentialOnBoxSize


# --- predict draws


def test_overlays_and_masks_are_written(segmentation, tmp_path):
    run, data = segmentation
    given = ("predict", "--model", run.folder, data / "images" / "test", "--format", "jsonl")
    folders = tmp_path / "drawn", tmp_path / "masks"
    code, out, _ = run_command(*given, "--overlay", folders[0], "--masks", folders[1])
    assert code == 0
    assert len([json.loads(line) for line in out.splitlines()]) == 8
    predicted = predictions_of_files(run, data / "images" / "test")
    for name, wanted in predicted.items():
        with Image.open(folders[1] / f"{name}.png") as mask:
            assert mask.mode == "P"
            assert (np.asarray(mask) == wanted).all()
        with Image.open(folders[0] / f"{name}.jpg") as drawn:
            assert drawn.size == (64, 64)
    code, _, err = run_command(*given, "--overlay", folders[0])
    assert code == 2
    assert "--overlay needs a new folder" in err


def predictions_of_files(run, folder):
    from keras_transfer.inputs.image.reading import load_image

    files = sorted(folder.iterdir())
    pixels = np.stack([load_image(file, 64) for file in files])
    found = run.predictor.predict_arrays(pixels)
    return {file.stem: one for file, one in zip(files, found, strict=True)}


def test_images_of_one_name_are_drawn_into_files_of_their_own(detector, tmp_path):
    run, data = detector
    pixels = Image.open(data / "test0.png")
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "a.jpg", "b.png"):
        pixels.save(tmp_path / "photos" / name)
    given = ("predict", "--model", run.folder, tmp_path / "photos")
    assert run_command(*given, "--overlay", tmp_path / "drawn")[0] == 0
    names = sorted(file.name for file in (tmp_path / "drawn").iterdir())
    assert names == ["a.jpg.jpg", "a.png.jpg", "b.jpg"]


def test_boxes_as_csv_can_be_trained_on(detector, tmp_path):
    run, data = detector
    given = ("predict", "--model", run.folder, data / "test0.png", "--format", "csv")
    code, out, _ = run_command(*given, "--overlay", tmp_path / "drawn")
    assert code == 0
    header, *rows = out.splitlines()
    assert header == "path,label,xmin,ymin,xmax,ymax,score,error"
    assert len(rows) == len(run.predict(data / "test0.png")[0]["boxes"])
    assert (tmp_path / "drawn" / "test0.jpg").is_file()
    code, _, err = run_command(*given, "--masks", tmp_path / "masks")
    assert code == 2
    assert "--masks has nothing to draw" in err


# --- what else is made of a run


def test_reports_show_what_is_found_missed_and_invented(detector, segmentation):
    page = (detector[0].folder / "report.html").read_text(encoding="utf-8")
    for text in ("Confusion with background", "Precision and recall", "Sizes of objects", "mAP50"):
        assert text in page
    assert page.count("data:image/jpeg") >= 8
    page = (segmentation[0].folder / "report.html").read_text(encoding="utf-8")
    assert "IoU of each class" in page
    assert "true of" in page


def test_runs_are_compared_image_by_image(detector, tmp_path):
    run, data = detector
    other = kt.transfer(data, out=tmp_path / "other", epochs=3, **{**QUICK, "image_size": 96})
    page = tmp_path / "compare.html"
    code, out, _ = run_command("compare", run.folder, other.folder, "--json", "--out", page)
    assert code == 0
    found = json.loads(out)
    assert found["examples"] == COUNTS["test"]
    assert found["best"] == "run"
    assert found["pairs"][0]["difference"]["value"] > 0


def test_a_damaged_file_of_predictions_is_named(detector, tmp_path):
    import shutil

    from keras_transfer.run.folder import Run
    from keras_transfer.run.scored import read_scored

    shutil.copytree(detector[0].folder, tmp_path / "run")
    file = tmp_path / "run" / "predictions.npz"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError, match="a file of the run is damaged"):
        read_scored(Run.open(tmp_path / "run"))
    file.unlink()
    with pytest.raises(UserError, match="a file of the run is gone"):
        read_scored(Run.open(tmp_path / "run"))


def test_only_rows_of_numbers_are_explained(detector):
    run, data = detector
    code, _, err = run_command("explain", "--model", run.folder, data / "test0.png")
    assert code == 2
    assert "predict --overlay" in err


def test_a_loaded_run_has_the_same_scores(segmentation):
    from keras_transfer.run.verification import verify_load

    assert verify_load(segmentation[0])["equal"]
