"""`keras-transfer doctor`: what is here, what is missing, and the command that helps."""

import json
from dataclasses import dataclass

from keras_transfer.command import Talk, run_guarded


@dataclass(frozen=True, kw_only=True)
class DoctorArguments(Talk):
    """Show versions, devices (and why a GPU is not used), weights at hand, and extras missing."""

    bases: bool = False
    """List every base with its size, parameters, ImageNet accuracy, stages and licence."""


def main(arguments=None):
    """Parse, look, print; returns the exit code."""

    def work(asked):
        from keras_transfer import checkup

        if asked.bases:
            rows = checkup.base_rows()
            print(json.dumps(rows, indent=2) if asked.json else checkup.bases_table(rows))
            return
        found = checkup.look()
        print(json.dumps(found, indent=2) if asked.json else checkup.tables(found))

    return run_guarded(work, DoctorArguments, "keras-transfer doctor", arguments)
