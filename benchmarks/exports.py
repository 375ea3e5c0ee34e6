"""What each exported file loses and takes: all formats of several bases with heads on one set.

    python benchmarks/exports.py --weights vgg16=vgg16_notop.weights.h5 ...

Bases without a file of weights, and without bundled ones, are taken as they are drawn. Where
MediaPipe is installed, each .tflite file is also run by its ImageClassifier: on images of the
model's size, and on whole files.
"""

import json
import os
import tempfile
import warnings
from dataclasses import dataclass

import numpy as np
import tyro
from measuring import HERE, IMAGES, dataset_of, in_turn, keep

import keras_transfer as kt
from keras_transfer.errors import UserError
from keras_transfer.export import formats

BASES = (
    "efficientnet_lite0",
    "mobilenet",
    "mobilenet_v2_0.35",
    "vgg16",
    "resnet50",
    "densenet121",
    "efficientnet_v2_b0",
    "mobilenet_v3_small",
)
BUNDLED = {"efficientnet_lite0"}
THREADS = (1, 2, 4)
SQUARES = 50  # images of the model's size that MediaPipe is asked about


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Train a head a base, export it in every format, certify."""

    set: str = "flowers5"
    bases: tuple[str, ...] = BASES
    weights: tuple[str, ...] = ()
    """BASE=FILE of ImageNet weights."""


def main():
    asked = tyro.cli(Arguments)
    files = dict(pair.split("=", 1) for pair in asked.weights)
    kept = HERE / "results" / f"exports_{asked.set}.json"
    found = json.loads(kept.read_text())["bases"] if kept.exists() else {}
    for base in asked.bases:
        found[base] = measure(base, files.get(base), IMAGES / asked.set)
        print_rows(base, found[base])
        # base by base: together they take most of an hour, and bases measured before stay
        keep(kept.stem, {"bases": found})


def measure(base, file, folder):
    """{"model": scores, format: what is measured of it, or why it is refused}."""
    weights = file or ("auto" if base in BUNDLED else "none")
    with tempfile.TemporaryDirectory() as place:
        settings = {"export": False, "quiet": True, "out": f"{place}/run"}
        run = kt.transfer(folder, base=base, weights=weights, **settings)
        found = export_all(run)
        for name, cells in found.items():
            if name.startswith("tflite") and not name.endswith("any-size") and "ms" in cells:
                cells |= by_mediapipe(run, run.certificate["files"][name])
        add_times(run, found)
        return {"weights": "ImageNet" if weights != "none" else "none", **found, **model_row(run)}


def export_all(run):
    """{format: its row}; all at once where none is refused, since much is shared."""
    try:
        return {name: row(entry) for name, entry in run.export(*formats()).items()}
    except UserError:
        found = {}
    for name in formats():
        try:
            found[name] = row(run.export(name)[name])
        except UserError as error:
            found[name] = {"refused": str(error)}
    return found


def add_times(run, found):
    """Add how many times as fast as the float32 file each .tflite file is."""
    files = {}
    for name, cells in found.items():
        if name.startswith("tflite") and not name.endswith("any-size") and "ms" in cells:
            path = run.folder / "exports" / run.certificate["files"][name]["path"]
            files[name] = path.read_bytes()
    for threads in THREADS:
        milliseconds = in_turn(files, threads)
        for name, own in milliseconds.items():
            times = milliseconds["tflite"] / own
            found[name][f"times as fast as tflite, threads: {threads}"] = times


def model_row(run):
    model = run.certificate["model"]
    return {"model": {"accuracy": model["accuracy"]["value"], "ms": model["latency_ms"]["median"]}}


def row(entry):
    same, encoded = entry["same_inputs"], entry["from_files"]
    return {
        "accuracy": same["accuracy"]["value"],
        "agreement": same["agreement"],
        "largest difference": same["largest_difference"],
        "agreement from files": encoded["agreement"],
        "accuracy from files": encoded["accuracy"]["value"],
        "MiB": entry["bytes"] / 2**20,
        "ms": entry["latency_ms"]["median"],
        "passed": entry["passed"],
        **({"recipe": entry["recipe"]} if "recipe" in entry else {}),
    }


def by_mediapipe(run, entry):
    """How often MediaPipe's ImageClassifier predicts as `predict` does; nothing without it."""
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError:
        return {}
    file = run.folder / "exports" / entry["path"]
    options = vision.ImageClassifierOptions(BaseOptions(model_asset_path=str(file)))
    dataset = dataset_of(run)
    val = dataset.indices("val")
    pixels, table = dataset.examples.batch(val), dataset.examples.table.iloc[val]
    predicted = np.array(run.classes)[run.predictor.predict_arrays(pixels).argmax(axis=1)]
    labels = table["label"].to_numpy()
    with vision.ImageClassifier.create_from_options(options) as classifier:

        def prediction(image):
            return classifier.classify(image).classifications[0].categories[0].category_name

        few = np.linspace(0, len(val) - 1, SQUARES).astype(int)
        kind = mediapipe.ImageFormat.SRGB
        squares = [prediction(mediapipe.Image(image_format=kind, data=pixels[i])) for i in few]
        files = [mediapipe.Image.create_from_file(str(path)) for path in table["path"]]
        whole = [prediction(image) for image in files]
    return {
        "MediaPipe agrees, squares": float(np.mean(np.array(squares) == predicted[few])),
        "MediaPipe agrees, files": float(np.mean(np.array(whole) == predicted)),
        "MediaPipe accuracy, files": float(np.mean(np.array(whole) == labels)),
    }


def print_rows(base, found):
    model = found["model"]
    print(f"\n{base}, weights {found['weights']}: {model['accuracy']:.3f}, {model['ms']:.1f} ms")
    for name, cells in found.items():
        if name in ("model", "weights"):
            continue
        numbers = [f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in cells.items()]
        print(f"  {name}: {', '.join(numbers)}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("GLOG_minloglevel", "2")
    warnings.filterwarnings("ignore", category=UserWarning)
    main()
