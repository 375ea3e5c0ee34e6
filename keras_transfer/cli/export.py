"""`keras-transfer export`: a run as files for servers and phones."""

import json
from dataclasses import dataclass

from keras_transfer.command import Talk, run_guarded


@dataclass(frozen=True, kw_only=True)
class ExportArguments(Talk):
    """Write a run in other formats into RUN/exports; each file is checked against the model."""

    model: str
    """A run folder."""
    format: tuple[str, ...] = ("saved_model", "tflite")
    """saved_model (a server: JPEG or PNG bytes, or pixels), tflite (a phone)."""


def main(arguments=None):
    """Parse, export, print; returns the exit code."""

    def work(asked):
        from keras_transfer.run import Run
        from keras_transfer.summary import export_lines

        run = Run.open(asked.model)
        found = run.export(*asked.format)
        print(json.dumps(found, indent=2) if asked.json else "\n".join(export_lines(found)))

    return run_guarded(work, ExportArguments, "keras-transfer export", arguments)
