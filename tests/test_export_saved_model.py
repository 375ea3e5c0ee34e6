"""A SavedModel serves encoded images without this package."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_transfer.backend import load_tensorflow
from keras_transfer.export.common.network import Network
from keras_transfer.export.saved_model import write
from keras_transfer.inputs.image.reading import load_image
from keras_transfer.inputs.image.resizing import RESIZES
from tests.support.tiny import (
    NAMES,
    SIZE,
    images,
    predictions,
    spec,
    tiny_model,
)


def image_bytes(image, kind, **settings):
    held = io.BytesIO()
    image.save(held, kind, **settings)
    return held.getvalue()


def encoded_kinds():
    """The kinds of image that the signature for bytes promises to read."""
    rng = np.random.default_rng(0)
    rgba = Image.fromarray(rng.integers(0, 256, (40, 60, 4)).astype(np.uint8))
    colour = Image.fromarray(images(1, 64)[0][:48])
    grey = colour.convert("L")
    palette = colour.quantize(16)
    return {
        "jpeg": image_bytes(colour, "JPEG", quality=90),
        "grey jpeg": image_bytes(grey, "JPEG"),
        "cmyk jpeg": image_bytes(colour.convert("CMYK"), "JPEG"),
        "png": image_bytes(colour, "PNG"),
        "one-bit png": image_bytes(grey.convert("1"), "PNG"),
        "alpha png": image_bytes(rgba, "PNG"),
        "grey alpha png": image_bytes(rgba.convert("LA"), "PNG"),
        "palette png": image_bytes(palette, "PNG"),
        "large palette png": image_bytes(colour.quantize(200), "PNG"),
        "clear palette png": image_bytes(palette, "PNG", transparency=3),
        "webp": image_bytes(colour, "WEBP", lossless=True),
        "gif": image_bytes(palette, "GIF"),
        "moving gif": image_bytes(palette, "GIF", save_all=True, append_images=[grey]),
    }


@pytest.mark.parametrize("resize", RESIZES)
def test_encoded_images_are_read_as_in_training(resize, tmp_path):
    model, kinds = tiny_model(), encoded_kinds()
    write(Network(model, spec(resize=resize)), tmp_path / "saved")
    tf = load_tensorflow()
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"](
        image_bytes=tf.constant(list(kinds.values()))
    )
    pixels = np.stack([load_image(data, SIZE, resize) for data in kinds.values()])
    expected = predictions(model, pixels)
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
found = signatures["serving_default"](image_bytes=tf.constant([data, data]))
names = [name.decode() for name in signatures["classes"]()["classes"].numpy()]
print(ascii(names), found["probabilities"].numpy().tolist(), sep="\\n")
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
    expected = predictions(model, load_image(data, SIZE, "crop")[None])
    np.testing.assert_allclose(
        np.array(json.loads(served)), np.repeat(expected, 2, axis=0), atol=1e-5
    )
