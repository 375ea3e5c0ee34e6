"""images/SPLIT/*.jpg, masks/SPLIT/*.png with a number a pixel, and classes.txt that names them."""

import numpy as np

from keras_transfer.data.demo.defects import DEFECTS
from keras_transfer.data.demo.drawing import draw_with_mask
from keras_transfer.data.demo.layouts.common.files import write_image

GOOD = "good"
PREFERRED_INPUTS = {"image_size": 192}
NAMES = (GOOD, *(kind for kind in DEFECTS if kind != GOOD))


def save(folder, row):
    from PIL import Image

    path, kind, split, seed, size = row
    name = path.rsplit("/", 1)[-1]
    pixels, mask = draw_with_mask(kind, seed, size)
    write_image(folder / "images" / split / name, pixels)
    file = (folder / "masks" / split / name).with_suffix(".png")
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(mask, NAMES.index(kind), 0).astype(np.uint8)).save(file)


def finish(folder, rows, found):
    (folder / "classes.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
