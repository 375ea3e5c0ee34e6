"""Golden files: a few examples with the answers that each export gives, for an app's own tests."""

import json
from pathlib import Path

import numpy as np

from keras_transfer.environment import atomic_write
from keras_transfer.export.certificate.evaluation_set import GOLDEN

FOLDER = "golden"
FILE = "golden.json"


def choose_golden(task, targets):
    """Row numbers of at most GOLDEN examples, of as many classes as there are."""
    if task.name != "classification":
        return np.arange(min(GOLDEN, len(targets)))
    _, firsts = np.unique(targets, return_index=True)
    others = np.setdiff1d(np.arange(len(targets)), firsts)
    return np.sort(np.concatenate([firsts[:GOLDEN], others[: max(0, GOLDEN - len(firsts))]]))


def write_golden(folder, spec, pixels, predictions):
    """Write examples as PNG, `golden.json` and `golden.npz` into `folder`/golden.

    `golden.json` has {"image_size", "resize", "task", "classes", "examples": [{"file", "predictions":
    {"model": [...], FORMAT: [...]}}]}; `golden.npz` the arrays `pixels` uint8 (n, s, s, 3) and,
    under the name of each format, its answers float32 (n, k).

    Args:
        pixels: uint8 (n, s, s, 3); answers: {"model" or format: float32 (n, k)}.
    """
    from PIL import Image

    examples = [
        {
            "file": f"{row + 1}.png",
            "predictions": {
                name: [float(f"{number:.6g}") for number in said[row]]
                for name, said in predictions.items()
            },
        }
        for row in range(len(pixels))
    ]
    told = {
        "image_size": spec.image_size,
        "resize": spec.resize,
        "task": spec.task,
        "classes": list(spec.outputs),
        "examples": examples,
    }
    with atomic_write(Path(folder) / FOLDER) as fresh:
        fresh.mkdir()
        for example, entry in zip(pixels, examples, strict=True):
            Image.fromarray(example).save(fresh / entry["file"])
        (fresh / FILE).write_text(json.dumps(told, indent=1), encoding="utf-8")
        np.savez_compressed(fresh / "golden.npz", pixels=pixels, **predictions)


def _short(numbers):
    """Numbers with six digits each, however small they are."""
    return [float(f"{number:.6g}") for number in numbers]


def read_golden(folder):
    """(pixels, {format: answers}) of `folder`/golden; (None, {}) where there is none."""
    file = Path(folder) / FOLDER / "golden.npz"
    if not file.exists():
        return None, {}
    with np.load(file) as kept:
        predictions = {name: kept[name] for name in kept.files if name != "pixels"}
        return kept["pixels"], predictions
