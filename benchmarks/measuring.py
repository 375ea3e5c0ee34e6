"""What the benchmarks share: medians of runs, where they were measured, and how they are kept."""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from keras_transfer.environment import machine, versions, write_text

HERE = Path(__file__).resolve().parent
IMAGES = Path(os.environ.get("KERAS_TRANSFER_DATA", HERE.parent.parent / "shared" / "data"))


def median(values):
    """{median, low, high} of some runs."""
    values = sorted(values)
    return {"median": statistics.median(values), "low": values[0], "high": values[-1]}


def half_interval(values):
    """Half the width of the 95 % interval of the mean of two values or more (Student's t)."""
    from scipy import stats

    spread = statistics.stdev(values) / len(values) ** 0.5
    return float(stats.t.ppf(0.975, len(values) - 1)) * spread


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


def in_process(script, *arguments, cache=None, python=sys.executable):
    """What a script prints as its last line of JSON, run in a process and cache of its own.

    `python` is the interpreter, where a side needs an environment of its own.
    """
    environment = {**os.environ}
    with tempfile.TemporaryDirectory() as fresh:
        environment["KERAS_TRANSFER_CACHE"] = str(cache or fresh)
        done = subprocess.run(
            [str(python), str(HERE / script), *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{script} {arguments}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def timed(script, *arguments, **place):
    """`in_process` with the seconds of the whole process, imports included.

    CPU seconds are user and system time on all cores, with those of the process's own children;
    other work on the machine lengthens them less than it lengthens wall seconds.
    """
    before, begun = cpu_of_children(), time.monotonic()
    found = in_process(script, *arguments, **place)
    wall = time.monotonic() - begun
    return {**found, "cpu_seconds": cpu_of_children() - before, "wall_seconds": wall}


def cpu_of_children():
    """CPU seconds of all processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def kept(name):
    """What NAME.json holds from before; empty where there is none."""
    file = HERE / "results" / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def keep(name, found, show=True):
    """Write `found` with the machine and versions to NAME.json, and print it."""
    found = {"machine": machine(), "versions": versions(), **found}
    text = json.dumps(found, indent=2)
    write_text(HERE / "results" / f"{name}.json", text + "\n")
    if show:
        print(text)
