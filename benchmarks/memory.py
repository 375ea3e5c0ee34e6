"""Peak memory of a whole run over many images against few, streaming.

python benchmarks/memory.py --few 2000 --many 20000
"""

import json
import resource
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tyro
from measuring import in_process, keep


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Draw images, train a head on them, compare the peaks of memory."""

    few: int = 2000
    many: int = 20000
    size: int = 224


def main():
    asked = tyro.cli(Arguments)
    few, many = (in_process("memory.py", "run", n, asked.size) for n in (asked.few, asked.many))
    growth = many["peak MiB"] / few["peak MiB"] - 1
    keep("memory", {"few": few, "many": many, "growth": growth})


def run(count, size):
    """Train on `count` drawn images in this process; its peak memory as JSON."""
    from extraction import write_jpegs

    import keras_transfer as kt

    with tempfile.TemporaryDirectory() as place:
        write_jpegs(Path(place) / "p", count)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        settings = {"export": False, "quiet": True, "image_size": size}
        kt.transfer(f"{place}/p", out=f"{place}/run", **settings)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"images": count, "before MiB": before, "peak MiB": peak}))


if __name__ == "__main__":
    run(int(sys.argv[2]), int(sys.argv[3])) if sys.argv[1:2] == ["run"] else main()
