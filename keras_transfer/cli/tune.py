"""`keras-transfer tune`: search settings within a budget, and train with the winner."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from keras_transfer.cli.command import Talk, run_guarded
from keras_transfer.cli.train import arguments_class as train_arguments
from keras_transfer.cli.train import passed, settings_of
from keras_transfer.tuning import MINUTES, TRIALS


@dataclass(frozen=True, kw_only=True)
class TuneArguments(Talk):
    """Search settings on a part of your training examples, within a budget, and train with the
    winner; what you name yourself stays as you named it."""

    study: str | None = None
    """The folder of the trials; one that is there is gone on with. By default studies/DATA."""
    out: str | None = None
    """The run's folder, as of train."""
    trials: int = TRIALS
    """How many trials in all, those of before included."""
    time_budget: float = MINUTES
    """Minutes for the trials; the training of the winner comes after."""
    search: tuple[str, ...] = ()
    """What is searched: base, strategy, method, trainable, learning_rate, augment, batch_size,
    dropout, mixup, label_smoothing, weight_decay, l2_sp, weight_average, class_weight, pooling; by
    default what mostly matters."""
    bases: tuple[str, ...] = ()
    """Bases to search among, NAME or NAME=PATH, with --search base."""
    html: bool = True
    """Write tune.html into the folder of the trials."""


def main(arguments=None):
    """Parse, search, train the winner, print; returns the exit code."""

    def work(asked):
        from keras_transfer.environment import write_text
        from keras_transfer.report.text import summarise
        from keras_transfer.report.tuning import tuning_page, tuning_text
        from keras_transfer.tuning.search import run_search

        knobs = settings_of(asked, TuneArguments)
        budget = {"trials": asked.trials, "time_budget": asked.time_budget}
        given = (asked.study, asked.out, budget, asked.search, asked.bases)
        run, found = run_search(asked.data, knobs, *given)
        found["run"] = str(run.folder)
        if asked.html:
            write_text(Path(found["study"]) / "tune.html", tuning_page(found))
        print(
            json.dumps(found, indent=2)
            if asked.json
            else f"{tuning_text(found)}\n\n{summarise(run)}"
        )
        return passed(run)

    given = sys.argv[1:] if arguments is None else list(arguments)
    made = train_arguments(given, TuneArguments, strategy="auto")
    return run_guarded(work, made, "keras-transfer tune", arguments)
