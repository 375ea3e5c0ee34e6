"""Policies of augmentation, images that may not be mirrored, and the sheet that shows both."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_transfer.cli.check import main
from keras_transfer.config import make_config
from keras_transfer.inputs import find_modality
from keras_transfer.inputs.image.augmentation import (
    AUGMENTATIONS,
    DRAWS,
    augment,
    draw,
    find_augmentation,
)
from keras_transfer.inputs.image.crops import load_crop
from keras_transfer.strategies.common.inputs import views_of
from tests.support.drawing import KINDS, plant_classes
from tests.support.tiny import image_spec

PIXELS = np.random.default_rng(0).uniform(0, 255, (2, 12, 12, 3)).astype(np.float32)
STILL = np.zeros((2, DRAWS), np.float32)
NOTHING = AUGMENTATIONS["light"]._replace(flip=False, rotation=0, zoom=0, shift=0)
NOTHING = NOTHING._replace(brightness=0, contrast=0)


def test_an_erased_rectangle_has_the_mean_colour_and_the_rest_stays():
    draws = STILL.copy()
    draws[:, 11:13] = 1.0  # as wide and as tall as it gets, in the middle
    found = np.asarray(augment(PIXELS, draws, NOTHING._replace(erase=0.5)))
    changed = (np.abs(found - PIXELS) > 1e-2).any(axis=3)
    assert changed[:, 3:9, 3:9].all()
    assert not changed[:, :2].any()
    assert not changed[:, :, 10:].any()
    np.testing.assert_allclose(found[:, 5, 5], PIXELS.mean(axis=(1, 2)), rtol=1e-4)


def test_saturation_stretches_colours_about_their_grey():
    draws = STILL.copy()
    draws[:, 13] = -1.0
    found = np.asarray(augment(PIXELS, draws, NOTHING._replace(saturation=1.0)))
    grey = PIXELS.mean(axis=3, keepdims=True)
    np.testing.assert_allclose(found, np.broadcast_to(grey, found.shape), rtol=1e-3, atol=0.5)


def test_the_numbers_of_earlier_views_are_what_they_were():
    earlier = np.random.default_rng([3, 1, 7]).uniform(-1, 1, 9).astype(np.float32)
    assert (draw(3, 1, [7])[0, :9] == earlier).all()


def test_without_flips_nothing_is_mirrored(tmp_path):
    flipped = STILL.copy()
    flipped[:, 4] = 1.0
    kind = find_augmentation("light without flips")
    assert kind == AUGMENTATIONS["light"]._replace(flip=False)
    np.testing.assert_allclose(augment(PIXELS, flipped, kind), PIXELS, atol=1e-2)
    assert not AUGMENTATIONS["medical"].flip
    Image.fromarray(np.tile(np.arange(96, dtype=np.uint8), (96, 1))).save(tmp_path / "ramp.png")
    settings, sides = image_spec(32).settings, []
    for name in ("crop", "crop without flips"):
        parts = [
            load_crop(tmp_path / "ramp.png", "0" * 16, (name, 0, n), settings) for n in range(9)
        ]
        sides.append({bool(part[0, 0, 0] < part[0, -1, 0]) for part in parts})
    assert sides == [{True, False}, {True}]


def test_the_setting_reaches_the_views_and_their_key():
    modality = find_modality("image")
    keys = []
    for flip in (True, False):
        config = make_config(strategy="fine_tuning", flip=flip)
        view = views_of("light", config, 4)[1]
        keys.append(modality.view_key(view))
    assert keys[0] != keys[1]


def test_check_writes_what_training_would_see(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    plant_classes(tmp_path, 3)
    flags = ["--data", "photos", "--image-size", "32", "--rows", "3", "--columns", "4"]
    assert main([*flags, "--augment", "strong", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["examples"]) == 3
    assert sorted(name.split(": ")[1] for name in found["examples"]) == sorted(KINDS)
    sheet = np.asarray(Image.open(tmp_path / "check.png"))
    assert sheet.shape == (6 + 3 * (22 + 128 + 6), 6 + 4 * (128 + 6), 3)
    row = sheet[28 : 28 + 128].astype(int)
    plain, view = row[:, 6:134], row[:, 140:268]
    assert np.abs(plain - view).mean() > 3
    assert main([*flags, "--augment", "strong"]) == 2
    assert "--out is taken" in capsys.readouterr().err
    assert main([*flags, "--augment", "strong", "--overwrite"]) == 0
    again = np.asarray(Image.open(tmp_path / "check.png"))
    assert (again == sheet).all()


def test_a_broken_image_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    photos = plant_classes(tmp_path, 2)
    broken = sorted(photos.rglob("*.png"))[0]
    broken.write_bytes(b"no image")
    assert main(["--data", "photos", "--image-size", "32", "--augment", "light"]) == 0
    printed = capsys.readouterr()
    assert "1 example skipped" in printed.err
    assert broken.name in printed.err


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--augment", "none"], "check shows what an augmentation does"),
        (["--augment", "light", "--rows", "0"], "--rows is out of range"),
        (["--augment", "light", "--out", "photos"], "no place for an image"),
        (["--augment", "light", "--data", "gone"], "no such data"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, flags, word):
    monkeypatch.chdir(tmp_path)
    plant_classes(tmp_path, 2)
    assert main(["--data", "photos", *flags]) == 2
    assert word in capsys.readouterr().err
    assert not (tmp_path / "check.png").exists()
