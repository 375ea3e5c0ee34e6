"""What `adapt` takes beside importing TensorFlow and loading the run, which nothing can do without.

    python benchmarks/adapting.py

Five classes of five images of trashnet for a run on flowers5, features stored
already: whole processes, in turn, the report included, exports not.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro
from measuring import IMAGES, cpu_of_children, keep, median, ratio

LOADING = """
import sys, tensorflow
from keras_transfer.run.folder import Run
Run.open(sys.argv[1]).model
"""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Time both in turn, and keep medians and ratios."""

    runs: int = 5
    data: str = "flowers5"
    """What the run is trained on, a folder under KERAS_TRANSFER_DATA."""
    few: str = "trashnet"
    """Where the images to adapt to are from."""
    results: str = "adapting"
    """The file under benchmarks/results, without its ending."""


def main():
    asked = tyro.cli(Arguments)
    with tempfile.TemporaryDirectory() as place:
        run, few = trained(asked.data, Path(place)), few_images(asked.few, Path(place))
        adapt = ["-m", "keras_transfer", "adapt", "--model", run, "--data", few, "--no-export"]
        adapt += ["--out", Path(place) / "adapted", "--overwrite"]
        commands = {"adapt": adapt, "loading": ["-c", LOADING, run]}
        for command in commands.values():
            timed(command)  # from here on features are stored, and files are in the page cache
        sides = {name: [] for name in commands}
        for _ in range(asked.runs):
            for name, command in commands.items():
                sides[name].append(timed(command))
    found = {"asked": asdict(asked)}
    for place, kind in enumerate(("cpu_seconds", "wall_seconds")):
        own = {name: [pair[place] for pair in pairs] for name, pairs in sides.items()}
        found[kind] = {name: median(values) for name, values in own.items()}
        found[kind]["ratio"] = ratio(own["adapt"], own["loading"])
    keep(asked.results, found)


def trained(name, place):
    """The folder of a run on a set."""
    import keras_transfer as kt

    quick = {"export": False, "report": False, "quiet": True}
    return kt.transfer(IMAGES / name, out=place / "run", **quick).folder


def few_images(name, place):
    """A folder of five classes of five images of a set's train."""
    for folder in sorted((IMAGES / name / "train").iterdir())[:5]:
        (place / "few" / folder.name).mkdir(parents=True)
        for file in sorted(folder.iterdir())[:5]:
            shutil.copy(file, place / "few" / folder.name)
    return place / "few"


def timed(arguments):
    """(CPU seconds, wall seconds) of a whole Python process."""
    before, begun = cpu_of_children(), time.monotonic()
    subprocess.run([sys.executable, *map(str, arguments)], check=True, capture_output=True)
    return cpu_of_children() - before, time.monotonic() - begun


if __name__ == "__main__":
    main()
