"""Heads of ten bases on one set, twice: the second time nothing frozen is run.

python benchmarks/many_bases.py
"""

import os
import tempfile
import time
from dataclasses import dataclass

import tyro
from measuring import IMAGES, keep

import keras_transfer as kt

BASES = (
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "mobilenet",
    "mobilenet_0.25",
    "mobilenet_v2",
    "mobilenet_v2_0.35",
    "mobilenet_v3_small",
    "densenet121",
    "efficientnet_v2_b0",
)
BUNDLED = {"efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Train ten heads on one set, then again."""

    set: str = "flowers5"


def main():
    asked = tyro.cli(Arguments)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["KERAS_TRANSFER_CACHE"] = cache
        found = measure(asked, cache)
    keep("many_bases", found)


def measure(asked, place):
    found = {}
    for time_of in ("first time", "second time"):
        begun = time.monotonic()
        scores = {base: score(base, asked, place) for base in BASES}
        found[time_of] = {"seconds": time.monotonic() - begun, "accuracy": scores}
    return found


def score(base, asked, place):
    run = kt.transfer(
        IMAGES / asked.set,
        base=base,
        weights="auto" if base in BUNDLED else "none",
        export=False,
        quiet=True,
        out=f"{place}/{base}",
        overwrite=True,
    )
    return run.metrics["splits"]["val"]["accuracy"]["value"]


if __name__ == "__main__":
    main()
