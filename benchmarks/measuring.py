"""What the benchmarks share: medians of runs, where they were measured, and how they are kept."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from keras_transfer.environment import machine, versions

HERE = Path(__file__).resolve().parent
IMAGES = Path(os.environ.get("KERAS_TRANSFER_DATA", HERE.parent.parent / "shared" / "data"))


def median(values):
    """{median, low, high} of some runs."""
    values = sorted(values)
    return {"median": statistics.median(values), "low": values[0], "high": values[-1]}


def ratio(slow, fast):
    """How many times `fast` is as fast, run beside run: the median of the pairs' ratios."""
    return median([one / other for one, other in zip(slow, fast, strict=True)])


def dataset_of(run):
    """The `data.dataset.Dataset` that a run learned from."""
    from keras_transfer.run.reading import read_again

    return read_again(run, run.predictor.spec.inputs)


def evaluation_set_of(run):
    """The EvaluationSet that the exports of a run are certified on."""
    from keras_transfer.export.certificate.evaluation_set import draw_evaluation_set

    return draw_evaluation_set(dataset_of(run), run.info["selected_on"], run.config.seed)


def in_turn(files, threads=1, rounds=60):
    """{name: median milliseconds} of TFLite files (bytes), an image each beside the others.

    What else runs on the machine makes all slower alike.
    """
    from ai_edge_litert.interpreter import Interpreter

    runners = {
        name: Interpreter(model_content=data, num_threads=threads) for name, data in files.items()
    }
    seconds = {name: [] for name in files}
    for runner in runners.values():
        runner.allocate_tensors()
    for _ in range(rounds):
        for name, runner in runners.items():
            runner.invoke()  # the caches are its own
            started = time.perf_counter()
            runner.invoke()
            seconds[name].append(time.perf_counter() - started)
    return {name: 1000 * statistics.median(own) for name, own in seconds.items()}


def in_process(script, *arguments, cache=None):
    """What a script prints as its last line of JSON, run in a process and cache of its own."""
    environment = {**os.environ}
    with tempfile.TemporaryDirectory() as fresh:
        environment["KERAS_TRANSFER_CACHE"] = str(cache or fresh)
        done = subprocess.run(
            [sys.executable, str(HERE / script), *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{script} {arguments}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def keep(name, found):
    """Write `found` with the machine and versions to NAME.json, and print it."""
    found = {"machine": machine(), "versions": versions(), **found}
    (HERE / "results").mkdir(exist_ok=True)
    text = json.dumps(found, indent=2)
    (HERE / "results" / f"{name}.json").write_text(text + "\n")
    print(text)
