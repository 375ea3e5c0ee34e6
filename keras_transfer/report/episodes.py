"""What a person reads of scores over episodes."""

from keras_transfer.report.numbers import interval
from keras_transfer.report.render import render


def episode_table(found):
    """A row for each number of shots, and what was drawn.

    Args:
        found: what `run.episodes.evaluate_episodes` gives.
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("shots", justify="right")
    table.add_column("accuracy")
    for shots, scores in found["shots"].items():
        table.add_row(shots, interval(scores["accuracy"]))
    views = f", {found['views']} views of each" if found["views"] > 1 else ""
    drawn = (
        f"{found['episodes']} episodes of {found['ways']} of {found['classes']} classes, "
        f"{found['queries']} examples of each predicted, from {found['examples']} examples; "
        f"{found['method']}{views}"
    )
    return f"{render(table)}\n\n{drawn}"
