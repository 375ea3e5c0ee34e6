"""`keras-transfer choose`: which pretrained base to take, by evidence on your own examples."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keras_transfer import progress
from keras_transfer.choosing import MINUTES
from keras_transfer.cli.command import Talk, check_seed, run_guarded
from keras_transfer.config import names_in


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
    out: str = "choose.html"
    """Where the page goes; an earlier page of this command is replaced."""
    html: bool = True
    """Write the page."""


def main(arguments=None):
    """Parse, compare, print, write the page; returns the exit code."""

    def work(asked):
        from keras_transfer.choosing.comparison import compare_bases
        from keras_transfer.environment import write_text
        from keras_transfer.report.choosing import MARK, choice_page, choice_text
        from keras_transfer.report.pages import check_page

        check_seed(asked.seed)
        page = Path(asked.out)
        if asked.html:
            check_page(page, MARK)
        limits = {name: getattr(asked, name) for name in ("max_mib", "max_ms", "time_budget")}
        given = (asked.data, asked.data, asked.bases, asked.task, limits)
        found = compare_bases(*given, asked.max_skipped, asked.seed)
        print(json.dumps(found, indent=2) if asked.json else choice_text(found))
        if asked.html:
            write_text(page, choice_page(found))
            progress.say(f"the same as a page: {page}")

    return run_guarded(work, _arguments(), "keras-transfer choose", arguments)


def _arguments():
    """ChooseArguments with the tasks that there are."""
    tasks = {"task": Literal[("auto", *names_in("tasks"))]}
    made = type("ChooseArguments", (ChooseArguments,), {"__annotations__": tasks, "task": "auto"})
    made.__doc__, made.__module__ = ChooseArguments.__doc__, __name__
    return dataclass(frozen=True, kw_only=True)(made)
