"""What training from pixels is fed with, and what our trainer costs over Keras's own `fit`.

    python benchmarks/pipeline.py

- Images a second out of JPEG files of 500 x 375 with augmentation: ours (`light`), once the files
  are known, and `image_dataset_from_directory` with Keras's layers for the same changes.
- Steps a second of `fit` of MobileNetV2 at 96 pixels, all of it training: fed by our pipeline from
  memory and from files, and from batches that are ready as tensors.
- Seconds of our trainer (with its history and its guard) and of a bare `fit` on the same batches.

Files are photos of a set of KERAS_TRANSFER_DATA, enlarged.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from measuring import IMAGES, keep, median, ratio
from PIL import Image

from keras_transfer import progress
from keras_transfer.backend import load_keras, load_tensorflow, set_seed
from keras_transfer.config import make_config
from keras_transfer.data.dataset import read_dataset
from keras_transfer.data.pipeline import training_batches
from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.data.sources.specs import read_source
from keras_transfer.inputs.image.augmentation import AUGMENTATIONS
from keras_transfer.model.factory import build_for
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies.common.gradient import Schedule, train_by_gradient
from keras_transfer.strategies.common.inputs import views_of
from keras_transfer.train import check

NOBODY = np.array([], np.int64)
BASE, SIDE, BATCH = "mobilenet_v2", 96, 32


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Measure everything in turn, several times."""

    set: str = "flowers5"
    images: int = 256
    epochs: int = 3
    """Of each measurement; the first, in which files become known, is not counted."""
    runs: int = 5


def main():
    asked = tyro.cli(Arguments)
    progress.set_quiet(True)
    with tempfile.TemporaryDirectory() as place:
        enlarge(IMAGES / asked.set / "train", Path(place), asked.images)
        speeds = in_turn(asked.runs, feeding(place, asked.epochs))
        steps = in_turn(asked.runs, fitting(place, asked.epochs))
        taken = in_turn(asked.runs, trainers(place, asked.epochs))
    files, keras_layers = speeds["ours, from files"], speeds["Keras, from files"]
    ready = steps["batches that are ready"]
    sides = ("our trainer", "bare fit")
    taken = {name: list(zip(*pairs, strict=True)) for name, pairs in taken.items()}
    found = {
        "images a second": {name: median(own) for name, own in speeds.items()},
        "from files, ours / Keras": ratio(files, keras_layers),
        "steps a second of fit": {name: median(own) for name, own in steps.items()},
        "fit, from memory / ready": ratio(steps["ours, from memory"], ready),
        "fit, from files / ready": ratio(steps["ours, from files"], ready),
        "our trainer / bare fit, seconds": ratio(*(taken[name][0] for name in sides)),
        "our trainer / bare fit, CPU seconds": ratio(*(taken[name][1] for name in sides)),
    }
    keep("pipeline", found)


def in_turn(runs, ways):
    """{name: what each run of a way gives}, way beside way."""
    found = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            found[name].append(way())
    return found


def enlarge(source, place, count):
    """JPEG files of 500 x 375 in class folders."""
    paths = sorted(source.glob("*/*.jp*g"))
    for number in range(min(count, len(paths))):
        path = paths[number * len(paths) // count]
        (place / path.parent.name).mkdir(exist_ok=True)
        image = Image.open(path).convert("RGB").resize((500, 375), Image.Resampling.LANCZOS)
        image.save(place / path.parent.name / f"{number}.jpg", quality=88)


def feeding(place, epochs):
    """Ways to come to augmented images of 224 pixels; each gives images a second."""

    def ours():
        batches, count = our_batches(place, epochs + 1, kept=False, side=224)[:2]
        return per_second(batches, -(-count // BATCH), epochs, lambda batch: len(batch[1]))

    def keras_layers():
        batches, steps = keras_batches(place, epochs + 1)
        return per_second(batches, steps, epochs, lambda batch: len(batch[1]))

    return {"ours, from files": ours, "Keras, from files": keras_layers}


def per_second(batches, steps, epochs, size):
    """What comes out of a dataset in a second, after its first epoch of so many steps."""
    count, begun = 0, None
    for number, batch in enumerate(batches):
        if number == steps:
            begun = time.monotonic()
        count += size(batch) if begun else 0
    return count / (time.monotonic() - begun)


def our_batches(place, epochs, kept, side):
    """(batches with light augmentation, how many examples, their Dataset)."""
    asked = {"base": BASE, "image_size": side, "strategy": "fine_tuning"}
    asked |= {"cache_features": False, "batch_size": BATCH}
    config = make_config(data=str(place), weights="none", **asked)
    dataset = read_dataset(read_source(place, "auto", "image"), check(config), config)
    if not kept:
        dataset = replace(dataset, examples=replace(dataset.examples, kept=None, there=None))
    every = np.arange(len(dataset.examples))
    source = RawInputs(dataset.examples, views_of("light", config, 64)).source(
        [((side, side, 3), "float32")]
    )
    arrays = dataset.targets, dataset.weights(every, "none"), config
    return training_batches(source, every, *arrays, epochs)[0], len(every), dataset


def keras_batches(place, epochs):
    """(batches of `image_dataset_from_directory` with the changes of "light", steps an epoch)."""
    keras, tf, light = load_keras(), load_tensorflow(), AUGMENTATIONS["light"]
    dataset = keras.utils.image_dataset_from_directory(place, image_size=(224, 224), verbose=False)
    layers = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(light.rotation / 360),
            keras.layers.RandomZoom(light.zoom),
            keras.layers.RandomTranslation(light.shift, light.shift),
            keras.layers.RandomBrightness(light.brightness),
            keras.layers.RandomContrast(light.contrast),
        ]
    )
    changed = dataset.repeat(epochs).map(
        lambda pixels, label: (layers(pixels, training=True), label), tf.data.AUTOTUNE
    )
    return changed.prefetch(tf.data.AUTOTUNE), len(dataset)


def fitting(place, epochs):
    """Ways to feed `fit`; each gives steps a second."""

    def fed(kept):
        def way():
            batches, count, dataset = our_batches(place, epochs + 1, kept, SIDE)
            return fit_speed(dataset, batches, -(-count // BATCH), epochs)

        return way

    def ready():
        batches, count, dataset = our_batches(place, 1, True, SIDE)
        cached = batches.cache()
        for _ in cached:
            pass
        return fit_speed(dataset, cached.repeat(epochs + 1), -(-count // BATCH), epochs)

    return {
        "batches that are ready": ready,
        "ours, from memory": fed(True),
        "ours, from files": fed(False),
    }


def fit_speed(dataset, batches, steps, epochs):
    """Steps a second of `fit`, after its first epoch."""
    model = whole_model(dataset)
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    ends = []
    callback = load_keras().callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: ends.append(time.monotonic())
    )
    asked = {"epochs": epochs + 1, "steps_per_epoch": steps, "shuffle": False, "verbose": 0}
    model.fit(batches, callbacks=[callback], **asked)
    return epochs * steps / (ends[-1] - ends[0])


def with_cpu(way):
    """(what a way gives, CPU seconds of this process for it): other work lengthens these less."""
    begun = time.process_time()
    found = way()
    return found, time.process_time() - begun


def whole_model(dataset):
    """MobileNetV2, all of which trains."""
    set_seed(0)
    model = build_for(dataset, make_config(base=BASE, weights="none", image_size=SIDE))
    set_trainable(model, "all")
    return model


def trainers(place, epochs):
    """Our trainer and a bare `fit` on the same batches: (seconds from the end of the first epoch,
    CPU seconds of all epochs)."""
    config = make_config(base=BASE, weights="none", image_size=SIDE, batch_size=BATCH)

    def ours():
        dataset = our_batches(place, 1, True, SIDE)[2]
        model, every = whole_model(dataset), np.arange(len(dataset.examples))
        inputs, plan = RawInputs(dataset.examples, [None]), Schedule(epochs + 1, 1e-4)
        given = (model, inputs, dataset, every, NOBODY, config, plan, "training")
        (history, _), cpu = with_cpu(lambda: train_by_gradient(*given))
        return history[-1]["seconds"] - history[0]["seconds"], cpu

    def bare():
        _, count, dataset = our_batches(place, 1, True, SIDE)
        source = RawInputs(dataset.examples, [None]).source([((SIDE, SIDE, 3), "float32")])
        every = np.arange(count)
        arrays = dataset.targets, dataset.weights(every, "none"), config
        batches, steps = training_batches(source, every, *arrays, epochs + 1)
        speed, cpu = with_cpu(lambda: fit_speed(dataset, batches, steps, epochs))
        return epochs * steps / speed, cpu

    return {"our trainer": ours, "bare fit": bare}


if __name__ == "__main__":
    main()
