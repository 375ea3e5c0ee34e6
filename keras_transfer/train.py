"""`python -m keras_transfer.train`, and `transfer()`: from examples to a proven model.

Heavy imports stand inside the functions, so that `--help` answers at once.
"""

import contextlib
import sys
import time

from keras_transfer import progress
from keras_transfer.config import IN_MEMORY, make_config


def transfer(data="demo", *, out=None, overwrite=False, quiet=False, **knobs):
    """Adapt a pretrained base to labelled examples.

    Args:
        data: what `--data` takes, a DataFrame (path, label[, split, group]), or arrays
            (images uint8 (n, height, width, 3), labels (n,)).
        out: the run's folder; overwrite: replace a run of that name; quiet: no progress.
        **knobs: the fields of `TrainConfig`, which are the flags of the command.

    Returns:
        Run, with .metrics, .model, .history, .predictions, .predict(*paths), .export(*formats).

    Raises:
        UserError: what the command answers with exit code 2.
    """
    in_memory = isinstance(data, tuple) or hasattr(data, "columns")
    config = make_config(data=IN_MEMORY if in_memory else str(data), **knobs)
    before = progress.QUIET
    progress.set_quiet(quiet)
    try:
        return run_transfer(config, data, out, overwrite)
    finally:
        progress.set_quiet(before)


def run_transfer(config, data, out=None, overwrite=False):
    """The whole way: examples -> examples -> model -> strategy -> scores -> run -> exports."""
    clock = Clock()
    with clock("import"):
        from keras_transfer import steps
    with clock("read"):
        steps.check_config(config)
        target = steps.check_target(out, overwrite)
        source = steps.read_source(data, config.task)
        dataset = steps.read_dataset(source, config)
    with steps.recording(target, overwrite, source.name, config, dataset) as run:
        with steps.precision(config):
            with clock("build"):
                model = steps.build(config, dataset.task)
            with clock("fit"):
                model, history = steps.find_strategy(config.strategy)(model, dataset, config)
        clock.move("fit", "extract", dataset.store.seconds)
        with clock("evaluate"):
            scores, predictions = steps.evaluate(model, dataset, config)
        # features of val and test are computed when they are asked for
        clock.move("evaluate", "extract", dataset.store.seconds - clock.seconds["extract"])
        with clock("write"):
            steps.write(run, model, history, dataset, predictions, config)
        with clock("export"):
            steps.export(run, model, dataset, config)
        steps.finish(run, scores, dataset, clock)
    return run


class Clock:
    """Seconds of each step: `with clock("read"): ...`."""

    def __init__(self):
        self.begun = time.monotonic()
        self.seconds = {}

    @contextlib.contextmanager
    def __call__(self, step):
        begun = time.monotonic()
        yield
        self.seconds[step] = time.monotonic() - begun

    def move(self, source, target, seconds):
        """Count `seconds` of the step `source` to the step `target` instead."""
        self.seconds[source] -= seconds
        self.seconds[target] = self.seconds.get(target, 0.0) + seconds

    def read(self):
        """{step: seconds}, `total` first."""
        total = {"total": time.monotonic() - self.begun}
        return {step: round(value, 3) for step, value in {**total, **self.seconds}.items()}


if __name__ == "__main__":
    from keras_transfer.cli.train import main

    sys.exit(main())
