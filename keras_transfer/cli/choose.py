"""`keras-transfer choose`: which pretrained base to take, by evidence on your own examples."""

import inspect
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from keras_transfer import progress
from keras_transfer.choosing import MINUTES, choose
from keras_transfer.choosing.traits import TRAITS
from keras_transfer.cli.command import Talk, check_seed, run_guarded
from keras_transfer.config import names_in

KNOBS = set(inspect.signature(choose).parameters)


@dataclass(frozen=True, kw_only=True)
class ChooseArguments(Talk):
    """Compare pretrained bases on your training examples, and recommend one; val and test are
    never looked at."""

    data: str = "demo"
    """The examples, as for train."""
    bases: tuple[str, ...] = ()
    """Bases to compare, NAME or NAME=PATH with weights in a file; by default all whose weights
    are on this machine."""
    task: str = "auto"
    """What is predicted; auto reads it off the labels."""
    max_mib: float | None = None
    """Largest int8 TFLite file, in MiB."""
    max_ms: float | None = None
    """Longest time of the int8 TFLite file for an example on this machine, in milliseconds."""
    time_budget: float = MINUTES
    """Minutes in all."""
    max_skipped: float = 0.05
    """Share of unreadable examples above which nothing is compared."""
    seed: int = 0
    """Of the order of examples, and of intervals."""
    by: Literal["data", "task"] = "data"
    """data compares bases on the examples; task goes by --traits alone, without reading any."""
    traits: tuple[Literal[tuple(TRAITS)], ...] = ()
    """What is known beforehand, for --by task: few_labels (a handful of images a class),
    small_images (under 100 pixels a side), grey_images, phone (where the model will run)."""
    out: str = "choose.html"
    """Where the page goes; an earlier page of this command is replaced."""
    html: bool = True
    """Write the page."""


def main(arguments=None):
    """Parse, compare, print, write the page; returns the exit code."""

    def work(asked):
        from keras_transfer.environment import write_text
        from keras_transfer.report.choosing import MARK, choice_page, choice_text
        from keras_transfer.report.pages import check_page

        check_seed(asked.seed)
        page, writes = Path(asked.out), asked.html and asked.by == "data"
        if writes:
            check_page(page, MARK)
        given = {f.name: getattr(asked, f.name) for f in fields(asked) if f.name in KNOBS}
        found = choose(**given)
        print(json.dumps(found, indent=2) if asked.json else choice_text(found))
        if writes:
            write_text(page, choice_page(found))
            progress.say(f"the same as a page: {page}")

    return run_guarded(work, _arguments(), "keras-transfer choose", arguments)


def _arguments():
    """ChooseArguments with the tasks that there are."""
    tasks = {"task": Literal[("auto", *names_in("tasks"))]}
    made = type("ChooseArguments", (ChooseArguments,), {"__annotations__": tasks, "task": "auto"})
    made.__doc__, made.__module__ = ChooseArguments.__doc__, __name__
    return dataclass(frozen=True, kw_only=True)(made)
