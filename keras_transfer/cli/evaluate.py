"""`keras-transfer evaluate`: score a model on labelled examples."""

import json
from dataclasses import dataclass

from keras_transfer.cli.command import Talk, check_seed, run_guarded


@dataclass(frozen=True, kw_only=True)
class EvaluateArguments(Talk):
    """Score a run or an exported file on labelled examples, each split for itself."""

    model: str
    """A run folder, a .keras file, or an export: a SavedModel folder, .tflite, .onnx, .xml."""
    data: str
    """The examples, as for train."""
    max_skipped: float = 0.05
    """Share of unreadable examples above which nothing is scored."""
    max_pixels: int | None = None
    """An image with more pixels than this is skipped; by default as in training."""
    seed: int = 0
    """Of the bootstrap behind the intervals."""


def main(arguments=None):
    """Parse, score, print; returns the exit code."""

    def work(asked):
        from keras_transfer.report.text import score_table
        from keras_transfer.run.predictor import Predictor

        check_seed(asked.seed)
        predictor = Predictor.load(asked.model).with_settings(max_pixels=asked.max_pixels)
        splits = predictor.evaluate(asked.data, asked.max_skipped, asked.seed)
        task = predictor.spec.task
        if asked.json:
            print(json.dumps({"task": task, "splits": splits}, indent=2))
        else:
            print(score_table(task, splits))

    return run_guarded(work, EvaluateArguments, "keras-transfer evaluate", arguments)
