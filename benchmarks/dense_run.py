"""One run of `dense.py`, in a process of its own, as JSON."""

import json
import sys
import tempfile

from dense import SETS
from measuring import IMAGES

import keras_transfer as kt


def main(name, strategy, seed, split, exports):
    settings, headlines = SETS[name]
    with tempfile.TemporaryDirectory() as place:
        run = kt.transfer(
            IMAGES / name,
            strategy=strategy,
            seed=int(seed),
            out=f"{place}/run",
            quiet=True,
            report=False,
            export=False,
            **settings,
        )
        scores = run.metrics["splits"][split]
        found = {split: {score: scores[score] for score in headlines}}
        formats = exports.split(",") if exports else []
        files = run.export(*formats) if formats else {}
        headline = headlines[0]
        files = {
            form: {
                "bytes": entry["bytes"],
                "lost": run.certificate["model"][headline]["value"]
                - entry["same_inputs"][headline]["value"],
                "agreement": entry["same_inputs"]["agreement"],
            }
            for form, entry in files.items()
        }
    print(json.dumps({"scores": found, "seconds": run.metrics["seconds"], "files": files}))


if __name__ == "__main__":
    main(*sys.argv[1:])
