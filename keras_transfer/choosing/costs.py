"""What a base costs on a phone or a server: size and time of its TFLite files, on this machine.

Measured from the architecture alone, with random weights, once; then remembered in the cache
folder for these versions and this machine.
"""

import json
import sqlite3
import time

import numpy as np

from keras_transfer import progress
from keras_transfer.environment import cache_folder, machine, transaction, versions
from keras_transfer.errors import UserError

TABLE = "CREATE TABLE IF NOT EXISTS costs (key TEXT PRIMARY KEY, cost TEXT)"
CALIBRATED = 4  # random images: ranges do not change how large or fast a file is
WARM_UP, TIMED = 3, 20
KINDS = ("float32", "int8")


def remembered_cost(name, image_size):
    """The cost of a base as of `measure_cost`, where this machine has measured it; else None."""
    try:
        with transaction(_file(), TABLE) as index:
            wanted = "SELECT cost FROM costs WHERE key = ?"
            row = index.execute(wanted, (_key(name, image_size),)).fetchone()
    except (OSError, sqlite3.Error):
        return None
    return json.loads(row[0]) if row else None


def measure_cost(name, image_size):
    """{kind: {"mib", "ms"}} of a base's float32 and int8 TFLite files; None for one it cannot make.

    Milliseconds are the median of a single image on all cores.
    """
    from keras_transfer.model.factory import build_model
    from keras_transfer.model.pooled import pooled_features
    from keras_transfer.runtimes.conversion import trace

    network = pooled_features(build_model(name, image_size=image_size, weights="none"))
    traced, found = trace(network), {}
    for kind in KINDS:
        try:
            found[kind] = _cost(_file_of(kind, traced, network))
        except UserError as error:
            progress.warn(f"{name} as {kind}: {error}")
            found[kind] = None
    _remember(name, image_size, found)
    return found


def _file_of(kind, traced, network):
    """The TFLite file (bytes) of a network without its head."""
    from keras_transfer.export.tflite.calibration import set_int8
    from keras_transfer.runtimes.conversion import convert_traced

    if kind == "float32":
        return convert_traced(traced, network.weights)
    shape = (CALIBRATED, *network.input_shape[1:])
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return convert_traced(
        traced, network.weights, lambda tf, converter: set_int8(tf, converter, images)
    )


def _cost(data):
    from keras_transfer.runtimes.litert import LiteRTRuntime

    runtime, times = LiteRTRuntime(data), []
    (source,) = runtime.inputs
    image = np.zeros((1, *runtime.input_shapes[0]), source["dtype"])
    for _ in range(WARM_UP + TIMED):
        begun = time.perf_counter()
        runtime(image)
        times.append(1000 * (time.perf_counter() - begun))
    return {"mib": len(data) / 2**20, "ms": float(np.median(times[WARM_UP:]))}


def _remember(name, image_size, cost):
    try:
        with transaction(_file(), TABLE) as index:
            row = (_key(name, image_size), json.dumps(cost))
            index.execute("INSERT OR REPLACE INTO costs VALUES (?, ?)", row)
    except (OSError, sqlite3.Error) as error:
        progress.say(f"what a base costs is measured anew each time, {_file()}: {error}")


def _file():
    return cache_folder() / "costs.sqlite"


def _key(name, image_size):
    known = versions()
    packages = [known[package] for package in ("tensorflow", "ai-edge-litert")]
    return json.dumps([name, image_size, machine(), *packages])
