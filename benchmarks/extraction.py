"""Features a second: our runtimes against `model.predict`, from decoded images and from JPEG.

    python benchmarks/extraction.py --bases efficientnet_lite0 mobilenet vgg16

Weights do not change the speed: they are random, so that none need be at hand.
"""

import io
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from measuring import keep, median, ratio
from PIL import Image

from keras_transfer.bases.table import find_base
from keras_transfer.config import make_config
from keras_transfer.data.examples import Examples
from keras_transfer.data.sources.specs import read_source
from keras_transfer.environment import cores
from keras_transfer.features.network import FrozenNetwork
from keras_transfer.inputs import find_modality
from keras_transfer.inputs.image.reading import load_image
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_model
from keras_transfer.runtimes.batching import BATCH_SIZE, stream
from keras_transfer.runtimes.openvino import has_openvino


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Measure each base with each runtime that is here."""

    bases: tuple[str, ...] = ("efficientnet_lite0", "mobilenet", "vgg16")
    images: int = 256
    runs: int = 5


def main():
    asked = tyro.cli(Arguments)
    names = ["keras", "litert"]
    names += ["openvino", "openvino-bfloat16"] if has_openvino() else []
    found = {base: measure(base, names, asked) for base in asked.bases}
    found["jpeg, efficientnet_lite0"] = measure_files(names[:3], asked)
    keep("extraction", found)


def measure(base, names, asked):
    model = build_model(base, weights="none")
    prefix, _ = cut(model)
    size = model.input_shape[1]
    pixels = np.random.default_rng(0).uniform(0, 255, (asked.images, size, size, 3))
    pixels = pixels.astype(np.float32)
    network = FrozenNetwork(prefix, base)

    def ours(name):
        run = network.runtime(name)
        return lambda: [run(pixels[i : i + BATCH_SIZE]) for i in range(0, len(pixels), BATCH_SIZE)]

    ways = {"predict": lambda: prefix.predict(pixels, batch_size=BATCH_SIZE, verbose=0)}
    return compare({**ways, **{name: ours(name) for name in names}}, asked)


def compare(ways, asked):
    """Seconds of each way, run after run, and how many times as fast as `predict` each is."""
    for way in ways.values():
        way()
    seconds = {name: [] for name in ways}
    for _ in range(asked.runs):
        for name, way in ways.items():
            begun = time.monotonic()
            way()
            seconds[name].append(time.monotonic() - begun)
    return {
        name: {
            "images a second": median([asked.images / s for s in taken]),
            "times predict": ratio(seconds["predict"], taken),
        }
        for name, taken in seconds.items()
    }


def examples_of(source, size):
    """Examples that are decoded when they are asked for, as those of a large set are."""
    image = find_modality("image")
    spec = image.spec(find_base("efficientnet_lite0"), make_config(image_size=size))
    table = source.table.assign(sha256="")
    return Examples(table, spec, table[:0])


def measure_files(names, asked):
    model = build_model("efficientnet_lite0", weights="none")
    prefix, _ = cut(model)
    network = FrozenNetwork(prefix, "files")
    with tempfile.TemporaryDirectory() as place:
        source = write_jpegs(Path(place), asked.images)
        examples = examples_of(source, 224)
        every = np.arange(len(examples))
        paths = list(source.table["path"])

        def plain():
            with ThreadPoolExecutor(cores()) as pool:
                pixels = np.stack(list(pool.map(lambda path: load_image(path, 224), paths)))
            prefix.predict(pixels.astype(np.float32), batch_size=BATCH_SIZE, verbose=0)

        def ours(name):
            return lambda: list(
                stream(network.runtime(name), examples, every, "Computing features")
            )

        return compare({"predict": plain, **{name: ours(name) for name in names}}, asked)


def write_jpegs(place, count):
    """Drawn JPEG files of 500 x 375 in two class folders."""
    generator = np.random.default_rng(0)
    for number in range(count):
        small = generator.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC)
        held = io.BytesIO()
        image.save(held, "JPEG", quality=90)
        folder = place / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(held.getvalue())
    return read_source(place)


if __name__ == "__main__":
    main()
