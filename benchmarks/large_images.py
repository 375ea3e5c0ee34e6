"""What resizing without antialiasing costs on large images, and what training on both mends.

    python benchmarks/large_images.py --folder drawn

Draws surfaces of the demo at 3,000 pixels a side (5 s each; images that are there are
kept), and fits heads on features of EfficientNet-Lite0: of images resized with antialiasing, as
`train` does, without, as phones do, and of both as two views of each image. Each head then
predicts for both ways of resizing `val`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from measuring import keep
from PIL import Image

from keras_transfer.backend import load_keras
from keras_transfer.bases.build import build_base
from keras_transfer.data.demo.drawing import draw_image
from keras_transfer.data.demo.folder import list_images
from keras_transfer.inputs.image.reading import load_image
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.strategies.common.exact_head import LinearProblem, fit_head
from keras_transfer.tasks import make_task

WAYS = ("antialias", "plain")


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Draw, fit a head on each way of resizing and on both, and compare their predictions."""

    folder: Path
    per_kind: int = 36
    """Images of each kind, two thirds of them to train."""
    side: int = 3000


def main():
    asked = tyro.cli(Arguments)
    rows = draw(asked)
    features = {way: features_of(asked, rows, way) for way in WAYS}
    labels = np.array([kind for _, kind, *_ in rows], object)
    train = np.array([split == "train" for _, _, split, *_ in rows])
    found = [measure(ways, features, labels, train) for ways in (WAYS[:1], WAYS[1:], WAYS)]
    keep("large_images", {"side": asked.side, "val": int((~train).sum()), "heads": found})


def draw(asked):
    """The rows of `list_images`, each drawn at the side asked for."""
    rows = list_images(asked.per_kind)
    for number, (path, kind, _, seed, _) in enumerate(rows):
        file = asked.folder / path
        if not file.exists() or Image.open(file).width != asked.side:
            file.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(draw_image(kind, seed, asked.side))
            image.save(unfinished := file.with_suffix(".part"), "JPEG", quality=92)
            unfinished.rename(file)
            print(f"drawn {number + 1} of {len(rows)}", flush=True)
    return rows


def features_of(asked, rows, way):
    """Pooled features float32 (n, d) of all images, resized this way."""
    keras = load_keras()
    base = build_base("efficientnet_lite0")
    pooled = keras.layers.GlobalAveragePooling2D()(base.output)
    files = [asked.folder / path for path, *_ in rows]
    pixels = np.stack([load_image(file, 224, resize_filter=way) for file in files])
    return KerasRuntime(keras.Model(base.input, pooled))(pixels)


def measure(ways, features, labels, train):
    """Accuracy of a head fitted on these ways, on each way, and how often the two agree."""
    task = make_task("classification", list(labels[train]), np.ones(train.sum(), bool))
    views = len(ways)
    known = np.tile(labels[train], views)
    images = np.tile([f"{row}" for row in np.flatnonzero(train)], views)  # views stay together
    stacked = np.concatenate([features[way][train] for way in ways])
    targets, weights = task.encode(list(known)), np.ones(len(known))
    strata = task.strata(list(known))
    head = fit_head(LinearProblem(stacked, targets, weights, strata, images, task, 0))
    found = {way: (features[way][~train] @ head.kernel + head.bias).argmax(1) for way in WAYS}
    right = task.encode(list(labels[~train]))
    return {
        "trained on": " and ".join(ways),
        **{f"accuracy, {way}": float((found[way] == right).mean()) for way in WAYS},
        "agreement": float((found["antialias"] == found["plain"]).mean()),
    }


if __name__ == "__main__":
    main()
