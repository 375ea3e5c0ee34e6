"""A GPU's share: extraction and a training step through Keras's JAX backend.

    KERAS_BACKEND=jax python benchmarks/gpu.py --batch 128

In float32 and mixed bfloat16, images a second, and as a share of the card's measured rate of
matrix products; beside it a plain Keras loop (`predict`, `fit`) and, where torch and torchvision
are installed, a torch loop. Without a GPU it runs small, on the CPU, to show that it works.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import time
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import tyro
from measuring import keep, median

from keras_transfer.backend import gpus, load_keras
from keras_transfer.model.factory import build_model
from keras_transfer.model.trainable import set_trainable

BASES = ("resnet50", "vgg16", "mobilenet_v2", "efficientnet_v2_b0")
TORCH = {"resnet50": "resnet50", "vgg16": "vgg16", "mobilenet_v2": "mobilenet_v2"}
PRECISIONS = ("float32", "mixed_bfloat16")


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
    here = bool(gpus())
    batch, size = asked.batch or (128 if here else 4), asked.size or (224 if here else 64)
    steps = asked.steps if here else 2
    found = {"gpus": gpus(), "batch": batch, "size": size}
    for precision in PRECISIONS:
        rate = matrix_rate(precision, 8192 if here else 512)
        found[precision] = {"matrix TFLOP/s": rate / 1e12}
        for base in asked.bases:
            found[precision][base] = measure(base, precision, rate, batch, size, steps, asked.runs)
    keep("gpu", found)


def measure(base, precision, rate, batch, size, steps, runs):
    keras = load_keras()
    keras.config.set_dtype_policy(precision)
    model = build_model(base, outputs=10, image_size=size, weights="none")
    pixels = np.random.default_rng(0).uniform(0, 255, (batch, size, size, 3)).astype(np.float32)
    labels = np.arange(batch) % 10
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
    ways |= torch_ways(base, precision, pixels, labels, steps, work)
    found = {}
    for name, (way, operations) in ways.items():
        way()
        speeds = [steps * batch / seconds(way) for _ in range(runs)]
        speed = median(speeds)
        found[name] = {
            "images a second": speed,
            "share of the matrix rate": speed["median"] * operations / rate,
        }
    return found


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
    kind = "float32" if precision == "float32" else "bfloat16"
    one = keras.ops.ones((side, side), kind)
    if keras.backend.backend() == "jax":
        import jax

        product = jax.jit(lambda a, b: a @ b)
        wait = jax.block_until_ready
    else:
        product, wait = keras.ops.matmul, np.asarray
    wait(product(one, one))
    taken = min(seconds(lambda: wait(product(one, one))) for _ in range(10))
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
