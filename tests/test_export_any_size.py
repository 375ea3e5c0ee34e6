"""Files that take pictures of any size."""

import numpy as np
import pytest

from keras_transfer.data.images import resize_pixels
from keras_transfer.errors import UserError
from keras_transfer.export import export_model
from keras_transfer.export.exports import any_size
from keras_transfer.export.readers import open_export
from keras_transfer.export.saved_model import export_saved_model
from keras_transfer.runtime import load_tensorflow
from tests.tiny import SIZE, about, answers, pictures, tiny_model


@pytest.mark.parametrize(
    ("name", "resize_filter"),
    [("tflite", "plain"), ("onnx", "plain"), ("openvino", "antialias")],
)
def test_a_file_for_any_size_resizes_for_itself(name, resize_filter, tmp_path):
    model, pixels = tiny_model(), pictures(6)
    (dynamic,) = any_size([name])
    written = export_model(model, dynamic, tmp_path, about(), pixels, answers(model, pixels))
    reader = open_export(written["path"])
    assert reader.size is None
    for height, width in ((SIZE, SIZE), (40, 70), (70, 40), (10, 12)):
        picture = pictures(1, 70)[0][:height, :width]
        square = np.round(resize_pixels(picture, SIZE, resize_filter=resize_filter).numpy())
        found = reader.answers(picture[None])
        np.testing.assert_allclose(found, answers(model, square[None]), atol=0.02)
    padded, expected = about(resize="pad"), answers(model, pixels)
    with pytest.raises(UserError, match="squeezes"):
        export_model(model, dynamic, tmp_path, padded, pixels, expected)


def test_a_saved_model_resizes_as_in_training(tmp_path):
    model, tf = tiny_model(), load_tensorflow()
    export_saved_model(model, tmp_path / "saved", about(resize="crop"))
    signature = tf.saved_model.load(str(tmp_path / "saved")).signatures["serve_any_size"]
    many = pictures(3, 70)[:, :40]
    squares = np.stack([resize_pixels(one, SIZE, "crop").numpy() for one in many])
    found = signature(pixels=tf.constant(many))["probabilities"].numpy()
    np.testing.assert_allclose(found, answers(model, squares), atol=1e-5)


def test_formats_that_cannot_be_for_any_size_say_so():
    assert any_size(["saved_model", "onnx"]) == ("saved_model", "onnx-any-size")
    with pytest.raises(UserError, match="tflite-int8 cannot be for pictures of any size"):
        any_size(["tflite-int8"])
