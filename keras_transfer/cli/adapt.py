"""`keras-transfer adapt`: a run's base for other classes, from a handful of images."""

import json
from dataclasses import dataclass
from typing import Literal

from keras_transfer.cli.command import BELOW_BAR, DONE, Talk, run_guarded


@dataclass(frozen=True, kw_only=True)
class AdaptArguments(Talk):
    """Make a new run for other classes from a handful of images, with an earlier run's base."""

    model: str
    """The folder of the earlier run."""
    data: str
    """The examples, as for train; one of each class is enough."""
    add: bool = False
    """Predict the classes of the earlier run as well; no example of them is needed."""
    method: Literal["ridge", "prototypes", "cosine", "nearest_mean"] | None = None
    """How the head is found, as of train --strategy few_shot; by default as the base was trained
    for: nearest_mean of a meta-trained one, else ridge."""
    views: int | None = None
    """Views of each example that are averaged, the plain one included; by default 3."""
    out: str | None = None
    """The new run's folder; by default saved_models/DATA-BASE-few_shot-NNN."""
    overwrite: bool = False
    """Replace a run of that name."""
    max_skipped: float = 0.05
    """Share of unreadable examples above which the run is refused."""
    seed: int = 0
    """Drives every draw: splits, folds, views."""
    export: bool = True
    """Write and check a SavedModel and a TFLite file."""
    report: bool = True
    """Write report.html."""


def main(arguments=None):
    """Parse, adapt, print the summary; returns the exit code."""

    def work(asked):
        from keras_transfer.adapting import adapt
        from keras_transfer.report.text import summarise

        talk = Talk.__dataclass_fields__
        knobs = {name: value for name, value in vars(asked).items() if name not in talk}
        if asked.method is None:
            del knobs["method"]
        run = adapt(**knobs, quiet=asked.quiet)
        print(json.dumps(run.metrics, indent=2) if asked.json else summarise(run))
        files = run.certificate.get("files", {}).values()
        return DONE if all(entry["passed"] for entry in files) else BELOW_BAR

    return run_guarded(work, AdaptArguments, "keras-transfer adapt", arguments)
