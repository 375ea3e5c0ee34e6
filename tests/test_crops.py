"""Closer looks at parts of an image: read anew, so that they hold more than the small image."""

import numpy as np
import pytest
from PIL import Image

from keras_transfer.config import make_config
from keras_transfer.errors import UserError
from keras_transfer.inputs import find_modality
from keras_transfer.inputs.image.crops import LARGEST, SMALLEST, load_crop
from keras_transfer.strategies import check_strategy
from tests.support.tiny import image_spec

DIGEST = "0123456789abcdef"


@pytest.fixture
def photo(tmp_path):
    """An image with detail that is lost at 32 pixels."""
    pixels = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_view_is_a_part_of_the_image_at_a_larger_size(photo):
    spec, modality = image_spec(32), find_modality("image")
    for number in range(1, 6):
        view = modality.load_view(photo, DIGEST, ("crop", 0, number), spec)
        assert view.shape == (32, 32, 3)
        wholes = [round(32 / share) for share in np.linspace(SMALLEST, LARGEST, 4)]
        assert any(_contains(modality.load(photo, image_spec(w)).arrays, view) for w in wholes)


def _contains(image, part):
    size = len(part)
    places = range(len(image) - size + 1)
    return any(
        (image[y : y + size, x : x + size] == one).all()
        for y in places
        for x in places
        for one in (part, part[:, ::-1])
    )


def test_views_depend_on_seed_number_and_content_alone(photo):
    settings = image_spec(32).settings
    first = load_crop(photo, DIGEST, ("crop", 0, 1), settings)
    assert (first == load_crop(photo.read_bytes(), DIGEST, ("crop", 0, 1), settings)).all()
    for digest, view in (
        (DIGEST, ("crop", 0, 2)),
        (DIGEST, ("crop", 1, 1)),
        ("f" * 16, ("crop", 0, 1)),
    ):
        assert (first != load_crop(photo, digest, view, settings)).any()


def test_what_trains_a_base_has_no_such_views():
    with pytest.raises(UserError, match="--augment crop"):
        check_strategy(make_config(strategy="fine_tuning", augment="crop"))
