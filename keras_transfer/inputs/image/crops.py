"""Closer looks at parts of an image: views with more detail than the model's inputs hold.

The image is read at a larger size and a part of the model's own is cut out of it, mirrored or
not: on episodes of three sets (benchmarks/episodes.py) three views raised the mean accuracy by 1.0
points. Parts of the small image, enlarged, were tried and brought nothing.
"""

import numpy as np

from keras_transfer.inputs.image.augmentation import UNFLIPPED
from keras_transfer.inputs.image.reading import load_with_shape
from keras_transfer.inputs.image.resizing import size_in

CROPS = ("crop", "crop" + UNFLIPPED)  # names of this augmentation
SMALLEST, LARGEST = 0.65, 0.9  # share of the image's sides that a view shows
STEPS = 4  # sizes between them: each is compiled once


def crop_key(name):
    """All that decides the pixels of the views of this name, besides seed and number."""
    return [name, SMALLEST, LARGEST, STEPS]


def load_crop(reference, digest, view, settings):
    """Pixels uint8 (height, width, 3) of a part of an image.

    Args:
        reference: as of `Modality.load`; digest: sha256 in hex of its contents.
        view: (one of CROPS, seed, number); settings: of the InputSpec.
    """
    height, width = size_in(settings)
    generator = np.random.default_rng([*view[1:], int(digest[:12], 16)])
    share = np.linspace(SMALLEST, LARGEST, STEPS)[generator.integers(STEPS)]
    whole = round(height / share), round(width / share)
    asked = settings["resize"], settings["max_pixels"], "antialias"
    pixels, _ = load_with_shape(reference, whole, *asked)
    top, left = generator.integers(0, [whole[0] - height + 1, whole[1] - width + 1])
    part = pixels[top : top + height, left : left + width]
    mirrored = generator.random() < 0.5 and not view[0].endswith(UNFLIPPED)
    return part[:, ::-1] if mirrored else part
