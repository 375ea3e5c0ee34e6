"""The other side: the loop of the Keras transfer-learning guide, written fairly.

Cached decoded images, prefetch, the frozen base run in each epoch. Prints its times as JSON.
"""

import time

BEGUN = time.monotonic()

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import keras  # noqa: E402

from keras_transfer.bases.build import build_base  # noqa: E402


def main(folder, epochs, seed, batch):
    keras.utils.set_random_seed(seed)
    imported = time.monotonic()
    train, val = (images(Path(folder) / split, batch) for split in ("train", "val"))
    base = build_base("efficientnet_lite0")  # raw pixels in, as ours
    base.trainable = False
    x = keras.layers.GlobalAveragePooling2D()(base(base.input, training=False))
    x = keras.layers.Dropout(0.2)(x)
    model = keras.Model(base.input, keras.layers.Dense(len(train.class_names))(x))
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    learned, judged = train.cache(), val.cache()
    for dataset in (learned, judged):  # decoding is no part of the training, on either side
        for _ in dataset:
            pass
    built = time.monotonic()
    shuffled = learned.shuffle(16).prefetch(2)
    history = model.fit(shuffled, epochs=epochs, validation_data=judged.prefetch(2), verbose=0)
    done = time.monotonic()
    print(
        json.dumps(
            {
                "import": imported - BEGUN,
                "training": done - built,
                "process": done - BEGUN,
                "accuracy": history.history["val_accuracy"][-1],
            }
        )
    )


def images(folder, batch):
    return keras.utils.image_dataset_from_directory(
        folder, image_size=(224, 224), batch_size=batch, verbose=False
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
