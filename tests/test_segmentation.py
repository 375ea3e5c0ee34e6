"""Segmentation: scores of pixels, masks that come and go, views, and what is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import accuracy_score, jaccard_score

import keras_transfer as kt
from keras_transfer.backend import load_keras
from keras_transfer.bases.build import input_spec
from keras_transfer.config import make_config
from keras_transfer.data.dataset import read_dataset
from keras_transfer.data.examples import read_examples
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from keras_transfer.evaluate.segmentation import score_segmentation
from keras_transfer.inputs.image import Geometry
from keras_transfer.tasks.common.mask_files import IGNORED, moved, placed, seen_from
from keras_transfer.tasks.common.pixel_loss import make_loss
from tests.support.dense import QUICK, plant_masks

COUNTS = {"train": 10, "val": 4, "test": 4}


def random_masks(seed, count=5, classes=3, ignored=0.1):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, (count, 12, 9)).astype(np.uint8)
    predicted = np.where(rng.random(targets.shape) < 0.6, targets, rng.integers(0, classes, 1))
    targets[rng.random(targets.shape) < ignored] = IGNORED
    return targets, predicted.astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_all_pixels(seed):
    targets, predicted = random_masks(seed)
    scores = score_segmentation(targets, predicted, ["a", "b", "c"], IGNORED)
    known = targets != IGNORED
    each = jaccard_score(targets[known], predicted[known], labels=range(3), average=None)
    assert scores["miou"]["value"] == pytest.approx(each.mean())
    for name, value in zip("abc", each, strict=True):
        assert scores["per_class"][name]["iou"] == pytest.approx(value)
    accuracy = accuracy_score(targets[known], predicted[known])
    assert scores["pixel_accuracy"]["value"] == pytest.approx(accuracy)
    assert scores["miou"]["low"] <= scores["miou"]["value"] <= scores["miou"]["high"]


def test_a_perfect_mask_scores_one_and_a_border_may_be_a_pixel_off():
    targets = np.zeros((2, 60, 80), np.uint8)
    targets[:, 20:40, 30:50] = 1
    perfect = score_segmentation(targets, targets, ["a", "b"], IGNORED)
    assert [perfect[name]["value"] for name in ("miou", "pixel_accuracy", "boundary_f1")] == [
        1.0
    ] * 3
    beside = score_segmentation(targets, np.roll(targets, 1, axis=2), ["a", "b"], IGNORED)
    assert beside["boundary_f1"]["value"] == 1.0
    far = score_segmentation(targets, np.roll(targets, 9, axis=2), ["a", "b"], IGNORED)
    assert far["boundary_f1"]["value"] < 0.7


def test_pixels_that_say_nothing_have_no_loss():
    ops, loss = load_keras().ops, make_loss(IGNORED)
    targets = np.array([[[0, 1], [IGNORED, 1]], [[IGNORED] * 2] * 2], np.uint8)
    probabilities = np.full((2, 2, 2, 2), 0.5, np.float32)
    probabilities[0, 0, 0] = 0.8, 0.2
    found = ops.convert_to_numpy(loss(targets, probabilities))
    expected = -(np.log(0.8) + 2 * np.log(0.5)) / 3
    np.testing.assert_allclose(found, [expected, 0.0], rtol=1e-5)


@given(
    st.tuples(st.integers(20, 70), st.integers(20, 70)),
    st.tuples(st.sampled_from([32, 48]), st.sampled_from([32, 64])),
    st.sampled_from(["squeeze", "pad"]),
)
@settings(max_examples=30, deadline=None)
def test_a_mask_comes_back_from_what_the_model_sees(shape, size, how):
    height, width = shape
    mask = np.zeros(shape, np.uint8)
    mask[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 1
    geometry = Geometry(height, width, how, size)
    back = seen_from(placed(mask, geometry, size), geometry)
    assert back.shape == shape
    near = 1.5 * max(height / size[0], width / size[1], 1) * 2 * (height + width)
    assert (back != mask).sum() <= near  # pixels at its border


def test_what_was_cut_off_is_not_known():
    geometry = Geometry(40, 80, "crop", (32, 32))
    back = seen_from(np.ones((32, 32), np.uint8), geometry)
    assert (back[:, 25:55] == 1).all()
    assert (back[:, :15] == IGNORED).all()


def test_a_mask_moves_as_its_view():
    pixels = np.zeros((20, 30), np.uint8)
    pixels[5:10, 6:12] = 1
    flipped = moved(pixels, np.array([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]))
    assert (flipped == pixels[:, ::-1]).all()
    shifted = moved(pixels, np.array([[1.0, 0.0, 0.1], [0.0, 1.0, 0.0]]))
    assert (shifted[:, :-3] == pixels[:, 3:]).all()
    assert (shifted[:, -3:] == IGNORED).all()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("pixels")
    data = plant_masks(place / "data", COUNTS)
    return kt.transfer(data, out=place / "run", epochs=2, **QUICK), data


def test_a_run_on_masks(trained):
    run, data = trained
    assert run.classes == ("nothing", "square", "bar")
    score = run.metrics["splits"]["test"]
    assert {"miou", "pixel_accuracy", "boundary_f1"} <= set(score)
    found = run.predict(data / "images" / "test" / "test0.png")[0]
    assert sum(found["shares"].values()) == pytest.approx(1, abs=0.01)
    line = json.loads((run.folder / "predictions.jsonl").read_text().splitlines()[0])
    assert set(line) == {"path", "split", "label", "predicted", "shares"}


def test_a_number_may_be_ignored(tmp_path):
    data = plant_masks(tmp_path / "data", COUNTS)
    config = make_config(task="segmentation", ignore=2, image_size=64)
    dataset = read_dataset(read_source(data), input_spec(config), config)
    assert dataset.task.outputs == ("nothing", "square")
    assert set(np.unique(dataset.targets)) == {0, 1, IGNORED}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda file: Image.new("L", (10, 10)).save(file), "another size than the image"),
        (lambda file: Image.new("L", (64, 64), 77).save(file), "the number 77, which has no name"),
        (lambda file: Image.new("RGB", (64, 64)).save(file), "has colours"),
        (lambda file: file.write_bytes(b"not an image"), "cannot be read"),
    ],
)
def test_a_mask_that_is_none_is_named_and_skipped(tmp_path, change, reason):
    data = plant_masks(tmp_path / "data", COUNTS)
    change(data / "masks" / "train" / "train3.png")
    examples = read_examples(read_source(data), input_spec(make_config(image_size=64)))
    (skipped,) = examples.skipped.itertuples()
    assert skipped.path.endswith("train3.png")
    assert reason in skipped.reason


def test_a_palette_is_read_as_its_numbers(tmp_path):
    data = plant_masks(tmp_path / "data", COUNTS)
    for file in data.glob("masks/*/*.png"):
        mask = Image.open(file)
        mask.putpalette(list(range(256)) * 3)
        mask.save(file)
    masks = list(read_source(data).table["label"])
    assert {mask.numbers for mask in masks} == {(0, 1, 2, 255)}


def test_masks_of_one_class_are_refused(tmp_path):
    data = plant_masks(tmp_path / "data", COUNTS)
    (data / "classes.txt").write_text("nothing\n")
    with pytest.raises(UserError, match="only one class"):
        kt.transfer(data, out=tmp_path / "run", epochs=1, **QUICK)
