"""Golden files: a few pictures with the answers that each export gives, for an app's own tests."""

import json
from pathlib import Path

import numpy as np

from keras_transfer.export.aside import written_aside
from keras_transfer.export.evidence import GOLDEN

FOLDER = "golden"
FILE = "golden.json"


def choose_golden(task, targets):
    """Row numbers of at most GOLDEN pictures, of as many classes as there are."""
    if task.name != "classification":
        return np.arange(min(GOLDEN, len(targets)))
    _, firsts = np.unique(targets, return_index=True)
    others = np.setdiff1d(np.arange(len(targets)), firsts)
    return np.sort(np.concatenate([firsts[:GOLDEN], others[: max(0, GOLDEN - len(firsts))]]))


def write_golden(folder, about, pixels, answers):
    """Write pictures as PNG, `golden.json` and `golden.npz` into `folder`/golden.

    `golden.json` has {"image_size", "resize", "task", "classes", "pictures": [{"file", "answers":
    {"model": [...], FORMAT: [...]}}]}; `golden.npz` the arrays `pixels` uint8 (n, s, s, 3) and,
    under the name of each format, its answers float32 (n, k).

    Args:
        pixels: uint8 (n, s, s, 3); answers: {"model" or format: float32 (n, k)}.
    """
    from PIL import Image

    pictures = [
        {
            "file": f"{row + 1}.png",
            "answers": {
                name: [float(f"{number:.6g}") for number in said[row]]
                for name, said in answers.items()
            },
        }
        for row in range(len(pixels))
    ]
    told = {
        "image_size": about.image_size,
        "resize": about.resize,
        "task": about.task,
        "classes": list(about.outputs),
        "pictures": pictures,
    }
    with written_aside(Path(folder) / FOLDER) as fresh:
        fresh.mkdir()
        for picture, entry in zip(pixels, pictures, strict=True):
            Image.fromarray(picture).save(fresh / entry["file"])
        (fresh / FILE).write_text(json.dumps(told, indent=1), encoding="utf-8")
        np.savez_compressed(fresh / "golden.npz", pixels=pixels, **answers)


def _short(numbers):
    """Numbers with six digits each, however small they are."""
    return [float(f"{number:.6g}") for number in numbers]


def read_golden(folder):
    """(pixels, {format: answers}) of `folder`/golden; (None, {}) where there is none."""
    file = Path(folder) / FOLDER / "golden.npz"
    if not file.exists():
        return None, {}
    with np.load(file) as kept:
        answers = {name: kept[name] for name in kept.files if name != "pixels"}
        return kept["pixels"], answers
