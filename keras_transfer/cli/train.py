"""`keras-transfer train`: from labelled data to a proven model."""

import json
from dataclasses import dataclass, fields

from keras_transfer import progress
from keras_transfer.cli.command import BELOW_BAR, DONE, Talk, run_guarded
from keras_transfer.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class TrainArguments(Talk, TrainConfig):
    """Adapt a pretrained base to your labelled images; score, save and export the model."""

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
        from keras_transfer.report.text import summarise
        from keras_transfer.train import run_transfer

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
    from keras_transfer.run.verification import verify_load

    found = verify_load(run)
    if found["equal"]:
        progress.say("loaded in a process of its own, the run has the same scores")
    for split, name, then, now in found["differences"]:
        progress.warn(f"loaded in a process of its own: {split} {name} is {now}, was {then}")
    return found["equal"]


def print_plan(config, as_json):
    """What a run of `config` will take, measured on a few of its examples."""
    from keras_transfer.planning import describe_plan, plan_run

    plan = plan_run(config.data, config)
    print(json.dumps(plan, indent=2) if as_json else describe_plan(plan))
