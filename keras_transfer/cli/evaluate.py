"""`keras-transfer evaluate`: score a model on labelled examples, or on classes it never saw."""

import json
from dataclasses import dataclass
from typing import Literal

from keras_transfer.cli.command import Talk, check_seed, run_guarded
from keras_transfer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class EvaluateArguments(Talk):
    """Score a run or an exported file on labelled examples, each split for itself; or, with
    --episodes, on classes that it did not train on."""

    model: str | None = None
    """A run folder, a .keras file, or an export: a SavedModel folder, .tflite, .onnx, .xml."""
    base: str | None = None
    """In place of a model: a base as it comes, for --episodes."""
    data: str
    """The examples, as for train."""
    max_skipped: float = 0.05
    """Share of unreadable examples above which nothing is scored."""
    max_pixels: int | None = None
    """An image with more pixels than this is skipped; by default as in training."""
    seed: int = 0
    """Of the bootstrap behind the intervals, and of episodes."""
    episodes: int | None = None
    """Draw so many episodes: some classes that the model did not train on, a few examples of each
    to learn from, others to be predicted."""
    ways: int = 5
    """Classes an episode."""
    shots: tuple[int, ...] = (1, 5)
    """Examples of each class to learn from, for example 1 5 10."""
    queries: int = 15
    """Examples of each class to be predicted."""
    method: Literal["ridge", "prototypes", "cosine", "nearest_mean", "linear"] | None = None
    """How an episode's head is found; by default the run's own, else ridge."""
    views: int = 1
    """Views of each example that are averaged in episodes, the plain one included."""
    augment: Literal["crop", "light", "standard", "drawing"] = "crop"
    """What those views are, as of train."""


def main(arguments=None):
    """Parse, score, print; returns the exit code."""

    def work(asked):
        check_seed(asked.seed)
        _check(asked)
        (_print_scores if asked.episodes is None else _print_episodes)(asked)

    return run_guarded(work, EvaluateArguments, "keras-transfer evaluate", arguments)


def _check(asked):
    """Refuse what does not go together."""
    if (asked.model is None) == (asked.base is None):
        found = "both" if asked.model else "neither"
        raise UserError("evaluate takes --model, or --base with --episodes", found, "Name one")
    if asked.base and asked.episodes is None:
        advice = "Add --episodes 1000, or train a model first"
        raise UserError("a base alone predicts no classes", f"--base {asked.base}", advice)
    if asked.episodes is None:
        _check_no_episodes(asked)
    if not 1 <= asked.views <= 64:
        raise UserError("--views is out of range", asked.views, "Allowed: 1 to 64")


def _check_no_episodes(asked):
    """Refuse settings of episodes where none are asked for."""
    for name in ("ways", "shots", "queries", "method", "views", "augment"):
        if getattr(asked, name) != getattr(EvaluateArguments, name):
            raise UserError(f"--{name} is for --episodes", getattr(asked, name), "Add --episodes")


def _print_scores(asked):
    from keras_transfer.report.text import score_table
    from keras_transfer.run.predictor import Predictor

    predictor = Predictor.load(asked.model).with_settings(max_pixels=asked.max_pixels)
    splits = predictor.evaluate(asked.data, asked.max_skipped, asked.seed)
    task = predictor.spec.task
    if asked.json:
        print(json.dumps({"task": task, "splits": splits}, indent=2))
    else:
        print(score_table(task, splits))


def _print_episodes(asked):
    from keras_transfer.evaluate.episodes import EpisodeSettings
    from keras_transfer.features.store import open_store
    from keras_transfer.report.episodes import episode_table
    from keras_transfer.run.episodes import (
        embedding_of_base,
        embedding_of_run,
        evaluate_episodes,
    )

    embedding = embedding_of_base(asked.base) if asked.base else embedding_of_run(asked.model)
    settings = EpisodeSettings(asked.episodes, asked.ways, asked.shots, asked.queries, asked.seed)
    views = [None, *((asked.augment, asked.seed, number) for number in range(1, asked.views))]
    given = (embedding, asked.data, settings, open_store())
    found = evaluate_episodes(*given, asked.method, views, asked.max_skipped)
    print(json.dumps(found, indent=2) if asked.json else episode_table(found))
