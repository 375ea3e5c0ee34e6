"""`keras-transfer train`: from labelled data to a proven model."""

import json
import shlex
import sys
from dataclasses import dataclass, fields
from typing import Literal

from keras_transfer import progress
from keras_transfer.cli.command import BELOW_BAR, DONE, Talk, run_guarded
from keras_transfer.config import ROOMS, config_class, make_config, names_in
from keras_transfer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class RunArguments(Talk):
    """Adapt a pretrained base to your labelled examples; score, save and export the model."""

    out: str | None = None
    """The run's folder; by default saved_models/DATA-BASE-STRATEGY-NNN. With
    --find-learning-rate the folder of its figure; by default the current one."""
    overwrite: bool = False
    """Replace a run (or figure) of that name."""
    verify_load: bool = False
    """In the end load the run in a process of its own and score it again."""
    plan: bool = False
    """Only say what the run will take in time and disk."""
    find_learning_rate: bool = False
    """Only find a learning rate, by a range test on examples of train; draws learning_rate.svg."""


def main(arguments=None):
    """Parse the command line, train, print the summary; returns the exit code."""

    def work(asked):
        from keras_transfer.report.text import summarise
        from keras_transfer.train import run_transfer

        config = make_config(**settings_of(asked))
        if asked.plan and asked.find_learning_rate:
            found = "--plan --find-learning-rate"
            raise UserError("each of these does one thing and no training", found, "Name one")
        if asked.plan:
            print_plan(config, asked.json)
            return DONE
        if asked.find_learning_rate:
            print_rate(config, asked, given)
            return DONE
        run = run_transfer(config, config.data, asked.out, asked.overwrite)
        print(json.dumps(run.metrics, indent=2) if asked.json else summarise(run))
        sound = check_loading(run) if asked.verify_load else True
        return passed(run) if sound else BELOW_BAR

    given = sys.argv[1:] if arguments is None else list(arguments)
    return run_guarded(work, arguments_class(given), "keras-transfer train", arguments)


def arguments_class(given, own=RunArguments, **defaults):
    """The dataclass of all flags: those of the strategy, task and modality that are named too.

    Args:
        given: strings of the command line; own: a dataclass of the verb's own flags, which come
            before those of TrainConfig; defaults: of fields, in place of TrainConfig's.
    """
    named = {kind: _value(given, f"--{kind}") for kind in ROOMS}
    known = {kind: (*names_in(room), "auto") for kind, room in ROOMS.items()}
    config = config_class(**{kind: name for kind, name in named.items() if name in known[kind]})
    choices = {kind: Literal[tuple(names_in(room))] for kind, room in ROOMS.items()}
    choices["task"] = Literal[("auto", *names_in("tasks"))]
    flags = {
        "__doc__": own.__doc__,
        "__annotations__": choices,
        "__module__": __name__,
        **{field.name: field.default for field in fields(config) if field.name in ROOMS},
        **defaults,
    }
    made = type("TrainArguments", (own, config), flags)
    return dataclass(frozen=True, kw_only=True)(made)


def settings_of(asked, own=RunArguments):
    """{setting: value} of parsed arguments, without the verb's `own`."""
    own = {field.name for field in fields(own)}
    return {f.name: getattr(asked, f.name) for f in fields(asked) if f.name not in own}


def _value(given, flag):
    """What a flag is given on the command line, None where it is not there."""
    for place, text in enumerate(given):
        if text.startswith(f"{flag}="):
            return text.split("=", 1)[1]
        if text == flag and place + 1 < len(given):
            return given[place + 1]
    return None


def passed(run):
    """The exit code for a run: whether all its exports passed their certificate."""
    files = run.certificate.get("files", {}).values()
    return DONE if all(entry["passed"] for entry in files) else BELOW_BAR


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
    from keras_transfer.report.plan import describe_plan
    from keras_transfer.strategies.common.planning import plan_run
    from keras_transfer.train import check

    check(config)
    plan = plan_run(config.data, config)
    print(json.dumps(plan, indent=2) if as_json else describe_plan(plan))


def print_rate(config, asked, given):
    """What a range test of learning rates suggests, and the command to go on with."""
    from keras_transfer.learning_rate import run_range_test
    from keras_transfer.report.learning_rate import describe_test

    out = "." if asked.out is None else asked.out
    facts = run_range_test(config, config.data, out, asked.overwrite)
    command = command_with_rate(given, facts["suggested"])
    if asked.json:
        print(json.dumps({**facts, "command": command}, indent=2))
    else:
        print(describe_test(facts, command))


def command_with_rate(given, rate):
    """The command that was given, now to train at `rate`; `--out` and such were for the figure."""
    kept, skip = [], False
    for text in given:
        flag = text.split("=", 1)[0].replace("_", "-")
        if not skip and flag not in ("--find-learning-rate", "--out", "--overwrite", "--json"):
            kept.append(text)
        skip = text == "--out"
    return shlex.join(["keras-transfer", "train", *kept, "--learning-rate", f"{rate:g}"])
