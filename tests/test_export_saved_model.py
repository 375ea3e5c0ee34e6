"""A SavedModel serves encoded pictures without this package."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_transfer.data.images import RESIZES, load_picture
from keras_transfer.export.saved_model import export_saved_model
from keras_transfer.runtime import load_tensorflow
from tests.tiny import NAMES, SIZE, about, answers, pictures, tiny_model


def picture_bytes(image, kind, **settings):
    held = io.BytesIO()
    image.save(held, kind, **settings)
    return held.getvalue()


def encoded_kinds():
    """The kinds of picture that the signature for bytes promises to read."""
    rng = np.random.default_rng(0)
    rgba = Image.fromarray(rng.integers(0, 256, (40, 60, 4)).astype(np.uint8))
    colour = Image.fromarray(pictures(1, 64)[0][:48])
    grey = colour.convert("L")
    palette = colour.quantize(16)
    return {
        "jpeg": picture_bytes(colour, "JPEG", quality=90),
        "grey jpeg": picture_bytes(grey, "JPEG"),
        "cmyk jpeg": picture_bytes(colour.convert("CMYK"), "JPEG"),
        "png": picture_bytes(colour, "PNG"),
        "one-bit png": picture_bytes(grey.convert("1"), "PNG"),
        "alpha png": picture_bytes(rgba, "PNG"),
        "grey alpha png": picture_bytes(rgba.convert("LA"), "PNG"),
        "palette png": picture_bytes(palette, "PNG"),
        "large palette png": picture_bytes(colour.quantize(200), "PNG"),
        "clear palette png": picture_bytes(palette, "PNG", transparency=3),
        "webp": picture_bytes(colour, "WEBP", lossless=True),
        "gif": picture_bytes(palette, "GIF"),
        "moving gif": picture_bytes(palette, "GIF", save_all=True, append_images=[grey]),
    }


@pytest.mark.parametrize("resize", RESIZES)
def test_encoded_pictures_are_read_as_in_training(resize, tmp_path):
    model, kinds = tiny_model(), encoded_kinds()
    export_saved_model(model, tmp_path / "saved", about(resize=resize))
    tf = load_tensorflow()
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"](
        picture_bytes=tf.constant(list(kinds.values()))
    )
    pixels = np.stack([load_picture(data, SIZE, resize) for data in kinds.values()])
    expected = answers(model, pixels)
    apart = np.abs(served["probabilities"].numpy() - expected).max(axis=1)
    assert dict(zip(kinds, apart > 1e-5, strict=True)) == dict.fromkeys(kinds, False)
    named = [label.decode() for label in served["label"].numpy()]
    assert named == [NAMES[number] for number in expected.argmax(axis=1)]


STRANGER = """
import sys
sys.modules["keras_transfer"] = None  # importing it fails, installed or not
sys.modules["keras"] = None
import tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
data = open(sys.argv[2], "rb").read()
answer = signatures["serving_default"](picture_bytes=tf.constant([data, data]))
names = [name.decode() for name in signatures["classes"]()["classes"].numpy()]
print(ascii(names), answer["probabilities"].numpy().tolist(), sep="\\n")
"""


def test_a_process_without_this_package_serves_jpegs(exported, tmp_path):
    model, folder = exported
    data = encoded_kinds()["jpeg"]
    (tmp_path / "a.jpg").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(folder / "saved_model"), str(tmp_path / "a.jpg")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names, served = done.stdout.splitlines()
    assert names == ascii(NAMES)
    expected = answers(model, load_picture(data, SIZE, "crop")[None])
    np.testing.assert_allclose(
        np.array(json.loads(served)), np.repeat(expected, 2, axis=0), atol=1e-5
    )
