"""How faithful maps are: deletion and insertion (Petsiuk et al. 2018, arXiv:1806.07421).

    python benchmarks/explanations.py --images 60

A head is trained on the frozen base. In images of `val`, cells of 16 pixels are hidden in grey, the
most evidence first (deletion), or shown on a blurred image, likewise (insertion); the figure
is the mean probability of the predicted class meanwhile. A faithful map has a low deletion and a
high insertion. Beside the methods: a random map, and the middle of the image whatever it shows.
Neither filling is what a method hides by.
"""

import tempfile
import time
from dataclasses import dataclass

import numpy as np
import tyro
from measuring import IMAGES, dataset_of, keep

import keras_transfer as kt
from keras_transfer.config import names_in
from keras_transfer.environment import cores
from keras_transfer.evaluate.draws import Draws
from keras_transfer.explain import find_method
from keras_transfer.runtimes.conversion import convert
from keras_transfer.runtimes.litert import LiteRTRuntime

CELL, STEPS = 16, 14  # pixels of a cell; parts of a curve
GREY, BLUR = 127, 12  # what deletion fills with; pixels, the blur that insertion begins with


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Measure every method of explanation on val images of one set."""

    set: str = "flowers5"
    base: str = "efficientnet_lite0"
    images: int = 60


def main():
    asked = tyro.cli(Arguments)
    with tempfile.TemporaryDirectory() as place:
        settings = {"base": asked.base, "export": False, "quiet": True, "out": f"{place}/run"}
        run = kt.transfer(IMAGES / asked.set, **settings)
        predictor, dataset = run.predictor, dataset_of(run)
        run_fast = LiteRTRuntime(convert(predictor.model), interpreters=cores())
        val = dataset.indices("val")
        val = val[np.linspace(0, len(val) - 1, asked.images).astype(int)]
        pixels = dataset.examples.batch(val)
        scores, seconds = {}, {}
        for name, make in {**methods(predictor.model), **controls()}.items():
            started = time.perf_counter()
            maps = make(pixels)
            seconds[name] = (time.perf_counter() - started) / len(pixels)
            scores[name] = curves(run_fast, pixels, maps)
    found = compared(scores, seconds)
    keep(f"explanations_{asked.set}", {"base": asked.base, "images": len(val), "maps": found})


def compared(scores, seconds):
    """{kind of map: its figures}, of a method also its gain over each other kind."""
    found = {
        name: summary(own) | {"seconds an image": seconds[name]} for name, own in scores.items()
    }
    for name in names_in("explain"):
        for other in [one for one in scores if one != name]:
            found[name][f"gain over {other}"] = interval(gain(scores, name, other))
    return found


def methods(model):
    """{name: function of pixels to maps} of the methods of the package."""
    return {
        name: lambda pixels, name=name: find_method(name).maps(model, pixels)
        for name in names_in("explain")
    }


def controls():
    """The same of maps that know nothing of the model."""

    def random(pixels):
        cells = [side // CELL for side in pixels.shape[1:3]]
        drawn = np.random.default_rng(0).random((len(pixels), *cells))
        return drawn.repeat(CELL, axis=1).repeat(CELL, axis=2)

    def centre(pixels):
        rows, columns = np.mgrid[-1 : 1 : 1j * pixels.shape[1], -1 : 1 : 1j * pixels.shape[2]]
        return np.broadcast_to(2 - rows**2 - columns**2, pixels.shape[:3])

    return {"random": random, "centre": centre}


def curves(runtime, pixels, maps):
    """{deletion, insertion}: (n,) mean probability of the predicted class along each curve."""
    predicted = runtime(pixels).argmax(axis=1)
    rows = {"deletion": [], "insertion": []}
    for image, heat, output in zip(pixels, maps, predicted, strict=True):
        grey = np.full_like(image, GREY)
        for name, start, end in (("deletion", image, grey), ("insertion", blurred(image), image)):
            steps = np.stack([np.where(mask, end, start) for mask in replaced(heat)])
            likely = runtime(steps)[:, output]
            rows[name].append(float(np.trapezoid(likely, dx=1 / STEPS)))
    return {name: np.array(values) for name, values in rows.items()}


def replaced(heat):
    """Masks (STEPS + 1, height, width, 1) of what is replaced by then, most evidence first."""
    height, width = (side // CELL for side in heat.shape)
    cells = heat[: height * CELL, : width * CELL].reshape(height, CELL, width, CELL)
    ranks = np.argsort(np.argsort(-cells.mean(axis=(1, 3)).ravel(), kind="stable"))
    # pixels beyond the last whole cell go with it
    large = [np.minimum(np.arange(side) // CELL, side // CELL - 1) for side in heat.shape]
    ranks = ranks.reshape(height, width)[np.ix_(*large)]
    counts = np.linspace(0, height * width, STEPS + 1)
    return (ranks[None] < counts[:, None, None])[..., None]


def blurred(image):
    from PIL import Image, ImageFilter

    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(BLUR)))


def summary(scores):
    """Mean with its interval, and the median, of both figures and their difference."""
    both = {**scores, "insertion - deletion": scores["insertion"] - scores["deletion"]}
    return {
        name: {**interval(values), "median": float(np.median(values))}
        for name, values in both.items()
    }


def gain(scores, name, other):
    """How much better (insertion - deletion) is, image by image."""
    difference = [scores[one]["insertion"] - scores[one]["deletion"] for one in (name, other)]
    return difference[0] - difference[1]


def interval(values):
    """The mean and its 95 % bootstrap interval."""
    return Draws(len(values)).score(lambda weights: weights @ values / weights.sum(axis=1))[0]


if __name__ == "__main__":
    main()
