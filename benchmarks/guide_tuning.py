"""The Keras guide's side of `fine_tuning.py`: head first, then the whole base at a low rate.

keras.io/guides/transfer_learning, its end-to-end example, written fairly: images are decoded once
and cached, each epoch augments them anew, and nothing is spent on looking at `val` before the end.
The base is ours: EfficientNet-Lite0 with the same ImageNet weights.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from keras_transfer.bases.build import build_base

BATCH = 32
HEAD_EPOCHS, HEAD_RATE = 20, 1e-3  # Adam's default rate
WHOLE_EPOCHS, WHOLE_RATE = 10, 1e-5
DROPOUT = 0.2
ROTATION = 0.1  # of a full turn, to either side


def main(folder, seed):
    keras.utils.set_random_seed(seed)
    train, val = (images(Path(folder) / split) for split in ("train", "val"))
    names, paths = val.class_names, val.file_paths
    if train.class_names != names:
        raise SystemExit(f"train has the classes {train.class_names}, val {names}")
    base = build_base("efficientnet_lite0")  # raw pixels in, scaled inside
    model = with_head(base, len(names))
    seen = len(train.file_paths)
    batches = augmented(train)
    base.trainable = False
    fit(model, batches, HEAD_EPOCHS, HEAD_RATE)
    unfreeze(base)
    fit(model, batches, WHOLE_EPOCHS, WHOLE_RATE)
    predicted = model.predict(val.batch(BATCH).prefetch(2), verbose=0).argmax(axis=1)
    right = right_of(paths, [names[index] for index in predicted])
    print(
        json.dumps(
            {
                "given": given(seen),
                "accuracy": float(np.mean(list(right.values()))),
                "right": right,
            }
        )
    )


def images(folder):
    """(image, class number) one by one, in the order of `file_paths`."""
    return keras.utils.image_dataset_from_directory(
        folder, image_size=(224, 224), batch_size=None, shuffle=False, verbose=False
    )


def augmented(dataset):
    """Cached images, shuffled and changed anew in each epoch."""
    flip = keras.layers.RandomFlip("horizontal")
    rotate = keras.layers.RandomRotation(ROTATION)

    def change(pixels, label):
        return rotate(flip(pixels, training=True), training=True), label

    shuffled = dataset.cache().shuffle(len(dataset.file_paths))
    return shuffled.batch(BATCH).map(change, num_parallel_calls=2).prefetch(2)


def with_head(base, width):
    """The guide's head on the base, which is called in inference mode."""
    pixels = keras.Input((224, 224, 3))
    x = keras.layers.GlobalAveragePooling2D()(base(pixels, training=False))
    x = keras.layers.Dropout(DROPOUT)(x)
    return keras.Model(pixels, keras.layers.Dense(width)(x))


def unfreeze(base):
    """Train the whole base but for its batch norms, as the guide wants them.

    `training=False` alone does not hold them still: `fit` overrides it (keras#20285).
    """
    base.trainable = True
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def fit(model, batches, epochs, rate):
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(batches, epochs=epochs, verbose=0)


def right_of(paths, predicted):
    """{CLASS/FILE: 1 where the predicted class is that of its folder, else 0}."""
    named = [Path(path) for path in paths]
    return {
        f"{path.parent.name}/{path.name}": int(path.parent.name == found)
        for path, found in zip(named, predicted, strict=True)
    }


def given(examples):
    """What was done, a dict a stage."""
    augmentation = f"horizontal flip, rotation by {ROTATION} of a turn"
    rows = (("head", HEAD_EPOCHS, HEAD_RATE), ("whole base", WHOLE_EPOCHS, WHOLE_RATE))
    return [
        {
            "stage": name,
            "epochs": epochs,
            "images seen": epochs * examples,
            "augmentation": augmentation,
            "rate": rate,
        }
        for name, epochs, rate in rows
    ]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
