"""Several devices share every batch and learn what one device learns."""

import subprocess
import sys

import pytest
from PIL import Image

from keras_transfer.backend import device_count, find_devices
from keras_transfer.config import make_config
from keras_transfer.errors import UserError
from tests.support.commands import run_command
from tests.support.drawing import KINDS, draw

# two devices have to be made before TensorFlow looks for any
CODE = """
import sys
import numpy as np
import tensorflow as tf

parts = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
import keras_transfer

folder, out = sys.argv[1:]
asked = {"strategy": "fine_tuning", "trainable": "block7", "image_size": 64, "epochs": 2,
         "export": False, "report": False, "batch_size": 5, "dropout": 0.0, "quiet": True}
found = {}
for devices in (1, "all"):
    run = keras_transfer.transfer(folder, out=f"{out}/{devices}", devices=devices, **asked)
    found[devices] = run.predictions.filter(like="p_").to_numpy(), run.history["loss"].to_numpy()
for one, two in zip(found[1], found["all"]):
    np.testing.assert_allclose(one, two, atol=ATOL, rtol=0)
assert not np.allclose(found[1][0], found[1][0][0], atol=1e-3)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("kinds")
    for number, kind in enumerate(KINDS):
        (place / kind).mkdir()
        for n in range(8):
            Image.fromarray(draw(kind, 100 * number + n, 64)).save(place / kind / f"{n}.png")
    return place


def test_two_devices_learn_what_one_learns(folder, tmp_path):
    code = CODE.replace("ATOL", "1e-5")
    done = subprocess.run(
        [sys.executable, "-c", code, folder, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_more_devices_than_there_are_is_one_line(folder, tmp_path):
    code, _, errors = run_command(
        "train", "--data", folder, "--devices", 99, "--out", tmp_path / "r"
    )
    assert code == 2
    assert "--devices asks for more than there are" in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_all_devices_of_a_plain_machine_are_one():
    assert find_devices("all")
    assert find_devices(1) == find_devices("all")[:1]
    assert device_count() == 1


@pytest.mark.parametrize("knob", ["devices", "batch_size"])
def test_a_word_in_place_of_a_number_is_refused(knob):
    with pytest.raises(UserError, match=f"--{knob.replace('_', '-')} is no number"):
        make_config(**{knob: "many"})
