"""A GPU's share: extraction and training steps, and training fed from JPEG files.

    KERAS_BACKEND=tensorflow python benchmarks/gpu.py --batch 128
    KERAS_BACKEND=jax python benchmarks/gpu.py --batch 128

In float32, mixed float16 and mixed bfloat16, images a second, and as a share of the card's measured
rate of matrix products; beside it a plain Keras loop (`predict`, `fit`) and, where torch and
torchvision are installed, a torch loop. "train, from files" is `fit` fed by our pipeline out of
JPEG files of 500 x 375 with light augmentation; "from files alone" is that pipeline without a
network. Without a GPU it runs small, on the CPU, to show that it works.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import tyro
from measuring import keep, median
from PIL import Image

from keras_transfer import progress
from keras_transfer.backend import gpus, load_keras
from keras_transfer.bases.table import find_base
from keras_transfer.config import make_config
from keras_transfer.data.examples import read_examples
from keras_transfer.data.pipeline import training_batches
from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.data.sources.specs import read_source
from keras_transfer.inputs import find_modality
from keras_transfer.model.factory import build_model
from keras_transfer.model.trainable import set_trainable

BASES = ("resnet50", "vgg16", "mobilenet_v2", "efficientnet_v2_b0")
TORCH = {"resnet50": "resnet50", "vgg16": "vgg16", "mobilenet_v2": "mobilenet_v2"}
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
FROM_FILES = "train, from files"
CLASSES = 10
FILES = 40  # drawn images; training sees them again and again


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Measure each base in each precision."""

    bases: tuple[str, ...] = BASES
    batch: int | None = None
    """Images a step; by default 128 on a GPU, 4 without one."""
    size: int | None = None
    """Pixels a side; by default 224 on a GPU, 64 without one."""
    steps: int = 20
    runs: int = 5


def main():
    asked = tyro.cli(Arguments)
    progress.set_quiet(True)
    here, backend = bool(gpus()), load_keras().backend.backend()
    batch, size = asked.batch or (128 if here else 4), asked.size or (224 if here else 64)
    steps = asked.steps if here else 2
    found = {"backend": backend, "gpus": gpus(), "batch": batch, "size": size}
    with tempfile.TemporaryDirectory() as place:
        draw_files(Path(place))
        alone = [from_files(place, size, batch, steps) for _ in range(asked.runs)]
        found["from files alone, images a second"] = median(
            [steps * batch / seconds(lambda b=batches: list(b.skip(2))) for batches in alone]
        )
        for precision in PRECISIONS:
            rate = matrix_rate(precision, 8192 if here else 512)
            found[precision] = {"matrix TFLOP/s": rate / 1e12}
            for base in asked.bases:
                case = Case(base, precision, batch, size, steps, place)
                found[precision][base] = measure(case, rate, asked.runs)
    keep(f"gpu_{backend}", found)


@dataclass(frozen=True)
class Case:
    """What is measured: `steps` batches of so many images of `size` pixels; `place` has files."""

    base: str
    precision: str
    batch: int
    size: int
    steps: int
    place: str


def draw_files(place):
    """JPEG files of 500 x 375 in CLASSES folders: waves and noise, which are as large as photos."""
    generator = np.random.default_rng(0)
    for number in range(FILES):
        folder = place / f"class_{number % CLASSES}"
        folder.mkdir(exist_ok=True)
        waves = np.sin(np.mgrid[0:375, 0:500].sum(axis=0)[..., None] / generator.uniform(5, 60, 3))
        pixels = 128 + 90 * waves + generator.normal(0, 9, (375, 500, 3))
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(folder / f"{number}.jpg", quality=88)


def from_files(place, size, batch, steps):
    """Batches of augmented images and labels out of those files; two come before the steps."""
    spec = find_modality("image").spec(find_base("vgg16"), make_config(image_size=size))
    examples = read_examples(read_source(place, "auto", "image"), spec)
    examples = replace(examples, kept=None, there=None)  # as of a set that memory does not hold
    count = batch * -(-FILES // batch)
    indices = np.resize(np.arange(FILES), count)
    views = [None, *(("light", 0, number) for number in range(1, 8))]
    source = RawInputs(examples, views).source([((size, size, 3), "float32")])
    arrays = indices % CLASSES, np.ones(count, np.float32), make_config(batch_size=batch)
    epochs = -(-(steps + 2) // (count // batch))
    return training_batches(source, indices, *arrays, epochs)[0].take(steps + 2)


def measure(case, rate, runs):
    """{way: images a second, and its share of the matrix rate}."""
    keras, batch, steps = load_keras(), case.batch, case.steps
    keras.config.set_dtype_policy(case.precision)
    model = build_model(case.base, outputs=CLASSES, image_size=case.size, weights="none")
    shape = (batch, case.size, case.size, 3)
    pixels = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    labels = np.arange(batch) % CLASSES
    device = keras.ops.convert_to_tensor(pixels)
    many, many_labels = np.tile(pixels, (steps, 1, 1, 1)), np.tile(labels, steps)
    work = 2 * multiplications(model)
    ways = {
        "extract": (lambda: [model.predict_on_batch(device) for _ in range(steps)], work),
        "extract, plain predict": (
            lambda: model.predict(many, batch_size=batch, verbose=0),
            work,
        ),
    }
    set_trainable(model, "all")
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    ways["train"] = (lambda: [model.train_on_batch(device, labels) for _ in range(steps)], 3 * work)
    ways["train, plain fit"] = (
        lambda: model.fit(many, many_labels, batch_size=batch, verbose=0),
        3 * work,
    )
    ways[FROM_FILES] = (lambda: fit_from_files(model, case), 3 * work)
    ways |= torch_ways(case.base, case.precision, pixels, labels, steps, work)
    found = {}
    for name, (way, operations) in ways.items():
        way()
        taken = way if name == FROM_FILES else lambda way=way: seconds(way)
        speeds = [steps * batch / taken() for _ in range(runs)]
        speed = median(speeds)
        found[name] = {
            "images a second": speed,
            "share of the matrix rate": speed["median"] * operations / rate,
        }
    return found


def fit_from_files(model, case):
    """Seconds of the steps after the first two, in which files become known."""
    ends = []
    callback = load_keras().callbacks.LambdaCallback(
        on_train_batch_end=lambda step, logs: ends.append(time.monotonic())
    )
    batches = from_files(case.place, case.size, case.batch, case.steps)
    model.fit(batches, callbacks=[callback], verbose=0)
    return ends[-1] - ends[1]


def seconds(work):
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def multiplications(model):
    """Multiply-adds of one image in convolutions and dense layers."""
    keras = load_keras()
    total = 0
    for layer in model.layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            total += int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:3]))
        elif isinstance(layer, keras.layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


def matrix_rate(precision, side):
    """Operations a second of a product of two square matrices on this device."""
    keras = load_keras()
    one = keras.ops.ones((side, side), precision.removeprefix("mixed_"))
    if keras.backend.backend() == "jax":
        import jax

        product = jax.jit(lambda a, b: (a @ b).sum())
    else:
        import tensorflow as tf

        product = tf.function(lambda a, b: tf.reduce_sum(a @ b))
    float(product(one, one))  # one number comes back, so the transfer costs nothing
    taken = min(seconds(lambda: float(product(one, one))) for _ in range(10))
    return 2 * side**3 / taken


def torch_ways(base, precision, pixels, labels, steps, work):
    """The same network in torch, where it is installed."""
    if find_spec("torch") is None or find_spec("torchvision") is None or base not in TORCH:
        return {}
    import torch
    import torchvision

    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = getattr(torchvision.models, TORCH[base])(num_classes=10).to(device)
    x = torch.tensor(pixels.transpose(0, 3, 1, 2) / 255, device=device)
    y = torch.tensor(labels, device=device)
    optimizer = torch.optim.Adam(network.parameters())
    cast = torch.autocast(device, torch.bfloat16, enabled=precision != "float32")

    def extract():
        network.eval()
        with torch.no_grad(), cast:
            for _ in range(steps):
                out = network(x)
        return float(out.sum())

    def train():
        network.train()
        for _ in range(steps):
            with cast:
                loss = torch.nn.functional.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss)

    return {"extract, torch": (extract, work), "train, torch": (train, 3 * work)}


if __name__ == "__main__":
    main()
