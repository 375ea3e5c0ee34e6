"""Files that take images of any size."""

import numpy as np
import pytest

from keras_transfer.backend import load_tensorflow
from keras_transfer.errors import UserError
from keras_transfer.export import open_export
from keras_transfer.export.common.network import Network
from keras_transfer.export.common.writing import any_size
from keras_transfer.export.saved_model import write
from keras_transfer.inputs.image.resizing import resize_pixels
from tests.support.tiny import (
    SIZE,
    export_model,
    images,
    predictions,
    spec,
    tiny_model,
)


@pytest.mark.parametrize(
    ("name", "resize_filter"),
    [("tflite", "plain"), ("onnx", "plain"), ("openvino", "antialias")],
)
def test_a_file_for_any_size_resizes_for_itself(name, resize_filter, tmp_path):
    model, pixels = tiny_model(), images(6)
    (dynamic,) = any_size([name])
    written = export_model(model, dynamic, tmp_path, spec(), pixels, predictions(model, pixels))
    exported = open_export(written["path"])
    assert exported.any_size
    for height, width in ((SIZE, SIZE), (40, 70), (70, 40), (10, 12)):
        image = images(1, 70)[0][:height, :width]
        square = np.round(resize_pixels(image, SIZE, resize_filter=resize_filter).numpy())
        found = exported.runtime(image[None])
        np.testing.assert_allclose(found, predictions(model, square[None]), atol=0.02)
    padded, expected = spec(resize="pad"), predictions(model, pixels)
    with pytest.raises(UserError, match="squeezes"):
        export_model(model, dynamic, tmp_path, padded, pixels, expected)


def test_a_saved_model_resizes_as_in_training(tmp_path):
    model, tf = tiny_model(), load_tensorflow()
    write(Network(model, spec(resize="crop")), tmp_path / "saved")
    signature = tf.saved_model.load(str(tmp_path / "saved")).signatures["serve_any_size"]
    many = images(3, 70)[:, :40]
    squares = np.stack([resize_pixels(one, SIZE, "crop").numpy() for one in many])
    found = signature(pixels=tf.constant(many))["probabilities"].numpy()
    np.testing.assert_allclose(found, predictions(model, squares), atol=1e-5)


def test_formats_that_cannot_be_for_any_size_say_so():
    assert any_size(["saved_model", "onnx"]) == ("saved_model", "onnx-any-size")
    with pytest.raises(UserError, match="tflite-int8 cannot be for images of any size"):
        any_size(["tflite-int8"])
