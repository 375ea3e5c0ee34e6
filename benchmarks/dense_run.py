"""One run of `dense.py`, in a process of its own, as JSON."""

import json
import sys

from dense import SETS
from measuring import IMAGES

import keras_transfer as kt


def main(name, strategy, seed, split, folder):
    settings, headlines = SETS[name]
    run = kt.transfer(
        IMAGES / name,
        strategy=strategy,
        seed=int(seed),
        out=folder,
        overwrite=True,
        quiet=True,
        report=False,
        export=False,
        **settings,
    )
    scores = run.metrics["splits"][split]
    found = {split: {score: scores[score] for score in headlines}}
    print(json.dumps({"scores": found, "seconds": run.metrics["seconds"]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
