"""Pixels and our pooled features of some real images, for `timm_tuning.py` to compare with.

Prints, as JSON, where the file of weights lies.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from keras_transfer.bases.build import build_base
from keras_transfer.bases.efficientnet_lite import find_lite_file
from keras_transfer.bases.table import find_base


def main(folder, file, count=32):
    images = keras.utils.image_dataset_from_directory(
        Path(folder) / "train", image_size=(224, 224), batch_size=count, seed=0, verbose=False
    )
    pixels = next(iter(images))[0].numpy()
    base = build_base("efficientnet_lite0")
    np.savez(file, pixels=pixels, features=base.predict(pixels, verbose=0).mean(axis=(1, 2)))
    print(json.dumps({"weights": str(find_lite_file(find_base("efficientnet_lite0")))}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
