"""Of a run that kept whole classes for val and test: how well it recognises them, for its page."""

from typing import NamedTuple

from keras_transfer.evaluate.figures import Line, Lines
from keras_transfer.report.tables import Cell, Table, score_cell

CAPTION = (
    "Mean accuracy over episodes: of a few classes that the run never saw it learns from so many "
    "examples each, and predicts others."
)


class NewClasses(NamedTuple):
    """Sentences on what was drawn; a Table, a row for each number of shots; a figure of it."""

    sentences: list[str]
    table: Table
    figure: Lines


def describe_new_classes(episodes):
    """The NewClasses of a run; None without any.

    Args:
        episodes: of `metrics.json`, {split: as of `run.episodes.evaluate_episodes`}.
    """
    if not episodes:
        return None
    shots = list(dict.fromkeys(n for found in episodes.values() for n in found["shots"]))
    rows = [[Cell(n), *(_cell(found, n) for found in episodes.values())] for n in shots]
    return NewClasses(
        [_sentence(split, found) for split, found in episodes.items()],
        Table(["examples of each class", *episodes], rows),
        _figure(episodes),
    )


def _cell(found, shots):
    scores = found["shots"].get(shots)
    return score_cell(scores["accuracy"]) if scores else Cell("-")


def _sentence(split, found):
    return (
        f"{split}: {found['episodes']} episodes of {found['ways']} of its {found['classes']} "
        f"classes, {found['queries']} examples of each predicted; the head is found by "
        f"{found['method'].replace('_', ' ')}."
    )


def _figure(episodes):
    lines = []
    for split, found in episodes.items():
        shots = tuple(float(n) for n in found["shots"])
        values = tuple(scores["accuracy"]["value"] for scores in found["shots"].values())
        lines.append(Line(split, shots, values, dots=True))
    labels = ("examples of each class to learn from", "accuracy")
    return Lines("shots", "New classes", CAPTION, *labels, tuple(lines))
