"""`keras-transfer compare`: which run is better by more than chance, and what each costs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from keras_transfer import progress
from keras_transfer.cli.command import Talk, check_seed, run_guarded


@dataclass(frozen=True, kw_only=True)
class CompareArguments(Talk):
    """Compare runs on the examples that all of them scored: each pair is tested."""

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Folders of two finished runs or more."""
    split: Literal["val", "test"] | None = None
    """Which examples; by default those of test where the runs share some, else of val."""
    seed: int = 0
    """Of the draws behind intervals and tests."""
    out: str = "compare.html"
    """Where the page goes; an earlier page of this command is replaced."""
    html: bool = True
    """Write the page."""


def main(arguments=None):
    """Parse, compare, print, write the page; returns the exit code."""

    def work(asked):
        from keras_transfer.environment import write_text
        from keras_transfer.report.compare import MARK, comparison_page, comparison_text
        from keras_transfer.report.pages import check_page
        from keras_transfer.run.comparison import compare_runs

        check_seed(asked.seed)
        page = Path(asked.out)
        if asked.html:
            check_page(page, MARK)
        found = compare_runs(asked.runs, asked.split, asked.seed)
        for note in found["notes"]:
            progress.warn(note)
        print(json.dumps(found, indent=2) if asked.json else comparison_text(found))
        if asked.html:
            write_text(page, comparison_page(found))
            progress.say(f"the same as a page: {page}")

    return run_guarded(work, CompareArguments, "keras-transfer compare", arguments)
