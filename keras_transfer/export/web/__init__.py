"""A page for browsers: a TFLite file, and a script that runs it with MediaPipe Tasks for web.

The page resizes images as training does, predicts golden images before anybody else's, and sends
nothing anywhere. See developers.google.com/mediapipe/solutions/vision/image_classifier/web_js
"""

import functools
import json
import shutil
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.environment import read_json
from keras_transfer.errors import UserError
from keras_transfer.export import Format, tflite
from keras_transfer.inputs.common.arrays import take
from keras_transfer.tasks.common.protocol.exporting import APP

PACKAGE, VERSION = "@mediapipe/tasks-vision", "1.1.0"  # what the page was tried with
CDN = "https://cdn.jsdelivr.net"
SCRIPT, WASM = "vision_bundle.mjs", "wasm"
PAGE = Path(__file__).parent / "page"
MODEL = "model.tflite"
GOLDEN = 4  # images that the page predicts before it is used
TOLERANCE = 0.01  # of a probability: browsers compute as phones do, in another order
INT8_TOLERANCE = 0.02


def write(network, path, sample=None, model="tflite"):
    """Write a folder with a page; serve it, for example by `python -m http.server`.

    Args:
        network: `export.common.network.Network`; its `library` is a folder with the npm package
            PACKAGE, which then lies beside the page: without one it comes from a CDN.
        path: the folder to make.
        sample: gives training examples, of which a few become the golden images.
        model: the format of the file inside.

    Raises:
        UserError: see `export.tflite.write`; a task that MediaPipe does not have.
    """
    task, modality = network.task, network.modality
    if not (task.mediapipe and modality.has_phone_metadata):
        raise UserError("no page for such a model", f"task {task.name}", "Take tflite, and LiteRT")
    path, kind = Path(path), tflite.find(model)
    path.mkdir()
    facts = kind.write(network, path / MODEL, sample) or {}
    for file in PAGE.iterdir():
        if file.is_file():
            shutil.copyfile(file, path / file.name)
    tolerance = TOLERANCE if kind.exact else INT8_TOLERANCE
    golden = _golden(path, network, sample() if sample else ())
    settings = {**_settings(network), "golden": golden, "tolerance": tolerance}
    settings["library"] = _library(path, network.library)
    (path / "settings.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    page, origin = path / "index.html", "" if network.library else CDN
    filled = page.read_text(encoding="utf-8").replace("{{origin}}", origin)
    page.write_text(filled, encoding="utf-8")
    return facts


def _settings(network):
    """What `model.js` has to know."""
    spec, task = network.spec, network.task
    height, width = spec.inputs.tensors[0].shape[:2]
    return {
        "mediapipe": task.mediapipe,
        "classes": list(spec.outputs),
        "size": [height, width],
        "resize": spec.inputs.settings["resize"],
        "shown_from": task.shown_from,
        "unsure_below": spec.thresholds.get("unsure"),
    }


def _golden(path, network, examples):
    """Write a few examples; a list of {file, prediction}: what the file itself predicts."""
    if not len(examples):
        return []
    chosen = np.linspace(0, len(examples) - 1, min(GOLDEN, len(examples))).astype(int)
    inputs = take(examples, chosen)
    exported = tflite.open_file(path / MODEL)
    predictions = network.task.postprocess(exported.runtime(inputs))
    (path / "golden").mkdir()
    progress.say(
        f"the page holds {len(chosen)} training {network.modality.name}s (golden/): whoever "
        "visits it can see them"
    )
    found = []
    for place in range(len(chosen)):
        name = network.modality.save_golden(take(inputs, place), path / "golden" / str(place + 1))
        shown = network.task.to_json(take(predictions, place))
        found.append({"file": name, "prediction": shown})
    return found


def check_library(folder):
    """Refuse a folder that is not the npm package which the page needs."""
    folder = Path(folder)
    wanted = [folder / "package.json", folder / SCRIPT, folder / WASM]
    missing = [file.name for file in wanted if not file.exists()]
    advice = f"npm install {PACKAGE}@{VERSION}; then name node_modules/{PACKAGE}"
    if missing:
        found = f"{folder}: no {missing[0]}"
        raise UserError(f"--vendor wants the folder of the npm package {PACKAGE}", found, advice)
    version = read_json(folder / "package.json", ["version"])["version"]
    if version != VERSION:
        raise UserError(f"--vendor wants version {VERSION} of {PACKAGE}", version, advice)


def _library(path, folder):
    """Where the page's script finds MediaPipe; the package's files are copied beside the page."""
    if folder is None:
        place = f"{CDN}/npm/{PACKAGE}@{VERSION}"
        return {"script": f"{place}/{SCRIPT}", "wasm": f"{place}/{WASM}"}
    target = path / "library"
    target.mkdir()
    shutil.copyfile(Path(folder) / SCRIPT, target / SCRIPT)
    # the other files there are for workers that are modules
    shutil.copytree(Path(folder) / WASM, target / WASM, ignore=shutil.ignore_patterns("*module*"))
    return {"script": f"./library/{SCRIPT}", "wasm": f"./library/{WASM}"}


def is_file(path):
    """Whether `path` is the folder of such a page."""
    return (path / MODEL).is_file() and (path / "settings.json").is_file()


def open_file(path):
    """The Exported of the file in a page's folder."""
    return tflite.open_file(path / MODEL)


def _format(numbers, exact, **more):
    write_so = functools.partial(write, model=f"tflite{numbers}")
    settings = {"form": APP, "check_library": check_library, "safer": more.pop("safer", "")}
    return Format(f"web{numbers}", f"web{numbers}", write_so, exact, **settings, **more)


FORMATS = (
    _format("", True),
    _format("-float16", False, safer="web"),
    _format("-int8", False, calibrated=True, safer="web-float16"),
)
