"""Tiny images of three easy kinds, and folders of them."""

import numpy as np
from PIL import Image


def draw(kind, seed, size=48):
    """A tiny image of one of three easy kinds: uint8 (size, size, 3)."""
    generator = np.random.default_rng([seed, KINDS.index(kind)])
    image = generator.integers(60, 120, (size, size, 3)).astype(np.uint8)
    if kind == "red":
        image[..., 0] += 110
    elif kind == "stripes":
        image[:: generator.integers(4, 7)] = 240
    return image


KINDS = ("grey", "red", "stripes")
SPLITS = {"train": 12, "val": 6, "test": 6}


def plant_classes(place, counts=12, name="photos", kinds=KINDS):
    """Make `place/NAME/SPLIT/KIND/*.png`; without splits `NAME/KIND/*.png`."""
    splits = counts if isinstance(counts, dict) else {"": counts}
    for split_number, (split, count) in enumerate(splits.items()):
        for kind in kinds:
            folder = place / name / split / kind
            folder.mkdir(parents=True)
            for number in range(count):
                image = draw(kind, 1000 * split_number + number)
                Image.fromarray(image).save(folder / f"{number:03d}.png")
    return place / name
