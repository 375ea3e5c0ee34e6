"""Our side of `frozen.py`: one run on a folder, its times as JSON."""

import time

BEGUN = time.monotonic()

import json  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402

import keras_transfer as kt  # noqa: E402


def main(folder, seed):
    with tempfile.TemporaryDirectory() as place:
        run = kt.transfer(folder, seed=seed, export=False, quiet=True, out=f"{place}/run")
        seconds, splits = run.metrics["seconds"], run.metrics["splits"]
    found = {
        # the guide's loop runs the base over the images of val, too
        "training": seconds.get("extract", 0.0) + seconds["fit"] + seconds["evaluate"],
        "process": time.monotonic() - BEGUN,
        "accuracy": splits["val"]["accuracy"]["value"],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
