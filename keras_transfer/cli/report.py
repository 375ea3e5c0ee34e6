"""`keras-transfer report`: a run as one page for people."""

import json
from dataclasses import dataclass

from keras_transfer.cli.command import Talk, run_guarded


@dataclass(frozen=True, kw_only=True)
class ReportArguments(Talk):
    """Write report.html: scores, figures, mistakes, the data and how to repeat it, in one file."""

    model: str
    """A run folder."""
    data: str | None = None
    """Where the examples that the run learned from are now, if they have moved."""
    out: str | None = None
    """The file to write; by default RUN/report.html."""


def main(arguments=None):
    """Parse, write, print where it is; returns the exit code."""

    def work(asked):
        from keras_transfer.errors import UserError
        from keras_transfer.explain import quick_maps
        from keras_transfer.report.html import write_report
        from keras_transfer.run.examples import find_references
        from keras_transfer.run.folder import Run

        if asked.out == "":
            raise UserError("--out is empty", repr(asked.out), "Name a file")
        run = Run.open(asked.model)
        thumbnails = None if asked.data is None else find_references(run, asked.data)
        file = write_report(run, thumbnails, quick_maps(run.model), asked.out)
        print(json.dumps({"report": str(file)}) if asked.json else file)

    return run_guarded(work, ReportArguments, "keras-transfer report", arguments)
