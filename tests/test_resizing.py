"""Any shape becomes the square, alike wherever it is done."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_transfer.backend import load_tensorflow
from keras_transfer.errors import UserError
from keras_transfer.inputs.image import resizing as images
from keras_transfer.inputs.image.reading import load_image
from tests.support.odd_images import (
    noise,
    png_bytes,
    quarters,
)


@pytest.mark.parametrize("how", images.RESIZES)
def test_squares_are_whole_numbers_that_uint8_keeps(how):
    square = images.resize_pixels(noise(61, 37), 32, how).numpy()
    assert square.shape == (32, 32, 3)
    assert square.dtype == np.float32
    assert (square == square.astype(np.uint8)).all()


def test_squeeze_is_pillows_antialiased_bilinear():
    pixels = noise(320, 213)
    ours = images.resize_pixels(pixels, 64).numpy()
    theirs = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BILINEAR)
    assert np.abs(ours - np.asarray(theirs)).max() <= 1


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 400),
    columns=st.integers(1, 400),
    size=st.integers(1, 100),
    seed=st.integers(0, 2**31),
)
def test_squeeze_is_tensorflows_antialiased_resizing_bit_for_bit(rows, columns, size, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    theirs = load_tensorflow().image.resize(pixels, (size, size), antialias=True).numpy()
    assert (images.resize_pixels(pixels, size).numpy() == np.clip(np.round(theirs), 0, 255)).all()


def test_crop_takes_the_middle_and_pad_keeps_all():
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = 200
    assert (images.resize_pixels(wide, 20, "crop").numpy() == 200).all()
    padded = images.resize_pixels(wide, 60, "pad").numpy()
    assert (padded[:20] == images.PAD_GREY).all()
    assert (padded[40:] == images.PAD_GREY).all()
    assert (padded[20:40, 22:38] == 200).all()
    assert (padded[20:40, :18] == 0).all()


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    size=st.integers(1, 40),
    how=st.sampled_from(images.RESIZES),
)
def test_any_shape_becomes_the_square(width, height, size, how):
    flat = np.full((height, width, 3), 93, np.uint8)
    square = images.resize_pixels(flat, size, how).numpy()
    assert square.shape == (size, size, 3)
    assert set(np.unique(square)) <= ({93, images.PAD_GREY} if how == "pad" else {93})


@pytest.mark.parametrize("how", images.RESIZES)
def test_resizing_is_the_same_in_a_graph_a_dataset_and_a_saved_model(how, tmp_path):
    tf = load_tensorflow()
    pixels = noise(75, 50)
    expected = images.resize_pixels(pixels, 24, how).numpy()
    assert (load_image(png_bytes(pixels), 24, how) == expected).all()
    dataset = tf.data.Dataset.from_tensors(pixels).map(lambda p: images.resize_pixels(p, 24, how))
    assert (next(dataset.as_numpy_iterator()) == expected).all()
    assert dataset.element_spec.shape == (24, 24, 3)

    module = tf.Module()
    module.resize = tf.function(
        lambda p: images.resize_pixels(p, 24, how),
        input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)],
    )
    tf.saved_model.save(module, str(tmp_path / "saved"))
    assert (tf.saved_model.load(str(tmp_path / "saved")).resize(pixels) == expected).numpy().all()


def test_a_image_of_the_right_size_stays_as_it_is():
    pixels = noise(48, 48)
    for how in images.RESIZES:
        assert (images.resize_pixels(pixels, 48, how).numpy() == pixels).all()
        assert (load_image(png_bytes(pixels), 48, how) == pixels).all()


def test_unknown_resize_offers_the_nearest():
    for refuse in (
        lambda: images.resize_pixels(quarters(), 8, "squeez"),
        lambda: load_image(png_bytes(quarters()), 8, "squeez"),
    ):
        with pytest.raises(UserError, match="Did you mean squeeze"):
            refuse()
