"""`keras-transfer evaluate`: score a model on labelled pictures."""

import json
from dataclasses import dataclass

from keras_transfer.command import Talk, run_guarded


@dataclass(frozen=True, kw_only=True)
class EvaluateArguments(Talk):
    """Score a run or an exported file on labelled pictures, each split for itself."""

    model: str
    """A run folder, a .keras file, or an export: a SavedModel folder, .tflite, .onnx, .xml."""
    data: str
    """The pictures, as for train."""
    max_left_out: float = 0.05
    """Share of unreadable pictures above which nothing is scored."""
    max_pixels: int = 200_000_000
    """A picture with more pixels than this is left out."""
    seed: int = 0
    """Of the bootstrap behind the intervals."""


def main(arguments=None):
    """Parse, score, print; returns the exit code."""

    def work(asked):
        from keras_transfer.predictor import Predictor
        from keras_transfer.summary import score_table

        predictor = Predictor.load(asked.model)
        splits = predictor.evaluate(asked.data, asked.max_left_out, asked.max_pixels, asked.seed)
        task = predictor.about.task
        if asked.json:
            print(json.dumps({"task": task, "splits": splits}, indent=2))
        else:
            print(score_table(task, splits))

    return run_guarded(work, EvaluateArguments, "keras-transfer evaluate", arguments)
