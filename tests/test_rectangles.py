"""A model that sees rectangles: the same rooms as for squares."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import keras_transfer as kt
from keras_transfer.backend import load_tensorflow
from keras_transfer.config import make_config
from keras_transfer.errors import UserError
from keras_transfer.inputs.image import MODALITY, augmentation
from keras_transfer.inputs.image.resizing import PAD_GREY, RESIZES, resize_pixels
from keras_transfer.run.predictor import Predictor
from tests.support.drawing import plant_classes
from tests.support.odd_images import noise

WIDE = {"image_size": 32, "image_width": 64}
QUICK = {"base": "conv4", "quiet": True, **WIDE}


def rectangle(height, width):
    return np.linspace(0, 255, height * width * 3).reshape(height, width, 3).astype(np.uint8)


def test_squeeze_is_pillows_antialiased_bilinear():
    pixels = noise(320, 213)
    ours = resize_pixels(pixels, (48, 96)).numpy()
    theirs = Image.fromarray(pixels).resize((96, 48), Image.Resampling.BILINEAR)
    assert np.abs(ours - np.asarray(theirs)).max() <= 1


def test_crop_takes_the_middle_of_the_models_shape_and_pad_keeps_all():
    tall = np.zeros((120, 60, 3), np.uint8)
    tall[45:75] = 200  # the middle 30 rows of 60 columns: the shape of 20 x 40
    assert (resize_pixels(tall, (20, 40), "crop").numpy() == 200).all()
    padded = resize_pixels(tall, (60, 120), "pad").numpy()
    assert (padded[:, :45] == PAD_GREY).all()
    assert (padded[:, 75:] == PAD_GREY).all()
    assert (padded[24:36, 46:74] == 200).all()


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    how=st.sampled_from(RESIZES),
)
def test_any_shape_becomes_the_rectangle(shape, size, how):
    flat = np.full((*shape, 3), 93, np.uint8)
    found = resize_pixels(flat, size, how).numpy()
    assert found.shape == (*size, 3)
    assert set(np.unique(found)) <= ({93, PAD_GREY} if how == "pad" else {93})
    assert (found == 93).any()


def test_a_view_turns_about_the_middle_and_erases_in_both_directions():
    tf = load_tensorflow()
    pixels = tf.constant(noise(40, 80)[None], tf.float32)
    still = augmentation.Augmentation(False, 0, 0, 0, 0, 0)
    draws = np.zeros((1, augmentation.DRAWS), np.float32)
    half = still._replace(rotation=180.0)
    turned = augmentation.augment(
        pixels, draws + np.eye(1, augmentation.DRAWS, dtype=np.float32), half
    )
    assert np.abs(turned.numpy()[0, ::-1, ::-1] - pixels.numpy()[0]).max() < 1e-2
    erasing = still._replace(erase=1.0)
    # draws of 0 are half of each side, about the middle
    erased = augmentation.augment(pixels, draws, erasing).numpy()[0]
    changed = np.argwhere(np.abs(erased - pixels.numpy()[0]).max(axis=2) > 0)
    assert changed.min(axis=0).tolist() == [20, 10]
    assert changed.max(axis=0).tolist() == [60, 30]


def test_the_settings_say_how_wide_and_squares_keep_their_key():
    spec = MODALITY.spec(square_base(), make_config(**WIDE))
    assert spec.tensors[0].shape == (32, 64, 3)
    assert spec.settings["image_width"] == 64
    square = MODALITY.spec(square_base(), make_config(image_size=64, image_width=64))
    assert square == MODALITY.spec(square_base(), make_config(image_size=64))
    assert MODALITY.rotations(spec) == 1
    assert MODALITY.rotations(square) == 4


@pytest.mark.parametrize("side", ["image_size", "image_width"])
def test_a_side_that_the_base_cannot_take_is_refused(side):
    with pytest.raises(UserError, match=r"too small.*20.*smallest is 32"):
        MODALITY.spec(square_base(), make_config(**{**WIDE, side: 20}))


def square_base():
    from keras_transfer.bases.table import BASES

    return BASES["mobilenet_v2_0.35"]


def test_a_run_on_rectangles_and_its_files(tmp_path):
    photos = plant_classes(tmp_path, 8)
    run = kt.transfer(photos, out=tmp_path / "run", augment="light", **QUICK)
    assert run.model.input_shape == (None, 32, 64, 3)
    files = run.certificate["files"]
    assert {name for name, one in files.items() if one["passed"]} == {"saved_model", "tflite"}
    golden = json.loads(next((tmp_path / "run").rglob("golden.json")).read_text())
    assert golden["image_width"] == 64
    assert (tmp_path / "run" / "report.html").exists()
    file = next(photos.rglob("*.png"))
    again = Predictor.load(tmp_path / "run" / "exports" / "model.tflite")
    theirs = again.predict([file])[0]["probabilities"]
    assert run.predict(file)[0]["probabilities"] == pytest.approx(theirs, abs=1e-4)


def test_part_of_a_base_is_tuned_on_rectangles(tmp_path):
    photos = plant_classes(tmp_path, 6)
    knobs = {**QUICK, "export": False, "report": False, "strategy": "fine_tuning", "epochs": 1}
    tuned = kt.transfer(photos, out=tmp_path / "tuned", **knobs)
    assert tuned.metrics["splits"]["test"]["n"] > 0


def test_closer_looks_are_cut_out_of_rectangles(tmp_path):
    photos = plant_classes(tmp_path, 6)
    knobs = {**QUICK, "export": False, "report": False, "strategy": "few_shot"}
    run = kt.transfer(photos, out=tmp_path / "few", **knobs)
    assert run.config.image_width == 64
