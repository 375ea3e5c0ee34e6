"""`python -m keras_transfer.train`, and `transfer()`: from pictures to a proven model.

Heavy imports stand inside the functions, so that `--help` answers at once.
"""

import contextlib
import json
import sys
import time
from dataclasses import dataclass, fields

from keras_transfer import progress
from keras_transfer.command import BELOW_BAR, DONE, Talk, run_guarded
from keras_transfer.config import IN_MEMORY, TrainConfig, make_config


@dataclass(frozen=True, kw_only=True)
class TrainArguments(Talk, TrainConfig):
    """Adapt a pretrained base to your labelled pictures; score, save and export the model."""

    out: str | None = None
    """The run's folder; by default saved_models/DATA-BASE-STRATEGY-NNN."""
    overwrite: bool = False
    """Replace a run of that name."""
    verify_load: bool = False
    """In the end load the run in a process of its own and score it again."""
    plan: bool = False
    """Only say what the run will take in time and disk."""


def main(arguments=None):
    """Parse the command line, train, print the summary; returns the exit code."""

    def work(asked):
        from keras_transfer.summary import summarise

        config = TrainConfig(**{f.name: getattr(asked, f.name) for f in fields(TrainConfig)})
        if asked.plan:
            print_plan(config, asked.json)
            return DONE
        run = run_transfer(config, config.data, asked.out, asked.overwrite)
        print(json.dumps(run.metrics, indent=2) if asked.json else summarise(run))
        sound = check_loading(run) if asked.verify_load else True
        files = run.certificate.get("files", {}).values()
        passed = all(entry["passed"] for entry in files)
        return DONE if sound and passed else BELOW_BAR

    return run_guarded(work, TrainArguments, "keras-transfer train", arguments)


def check_loading(run):
    """Whether the run gives the same scores in a process of its own; says so."""
    from keras_transfer.verification import verify_load

    found = verify_load(run)
    if found["equal"]:
        progress.say("loaded in a process of its own, the run has the same scores")
    for split, name, then, now in found["differences"]:
        progress.warn(f"loaded in a process of its own: {split} {name} is {now}, was {then}")
    return found["equal"]


def print_plan(config, as_json):
    """What a run of `config` will take, measured on a few of its pictures."""
    from keras_transfer.planning import describe_plan, plan_run

    plan = plan_run(config.data, config)
    print(json.dumps(plan, indent=2) if as_json else describe_plan(plan))


def transfer(data="demo", *, out=None, overwrite=False, quiet=False, **knobs):
    """Adapt a pretrained base to labelled pictures.

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
    """The whole way: pictures -> examples -> model -> strategy -> scores -> run -> exports."""
    clock = Clock()
    with clock("import"):
        from keras_transfer import steps
    with clock("read"):
        steps.check_config(config)
        target = steps.check_target(out, overwrite)
        source = steps.read_source(data, config.task)
        examples = steps.read_examples(source, config)
    with steps.recording(target, overwrite, source.name, config, examples) as run:
        with steps.precision(config):
            with clock("build"):
                model = steps.build(config, examples.task)
            with clock("fit"):
                model, history = steps.find_strategy(config.strategy)(model, examples, config)
        clock.move("fit", "extract", examples.store.seconds)
        with clock("evaluate"):
            scores, answers = steps.evaluate(model, examples, config)
        # features of val and test are computed when they are asked for
        clock.move("evaluate", "extract", examples.store.seconds - clock.seconds["extract"])
        with clock("write"):
            steps.write(run, model, history, examples, answers, config)
        with clock("export"):
            steps.export(run, model, examples, config)
        steps.finish(run, scores, examples, clock)
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
    sys.exit(main())
