"""What a person reads of a run: at the end of a training, and in a notebook."""

import os
from shlex import quote

from keras_transfer.errors import count
from keras_transfer.evaluate.scores import headline
from keras_transfer.export.exports import read_exports


def summarise(run):
    """Scores, what each class got, where everything is, and the next sensible command."""
    metrics = run.metrics
    lines = [score_table(metrics["task"], metrics["splits"])]
    left_out = metrics["pictures"]["left_out"]
    if left_out:
        lines.append(
            f"left out: {count(left_out, 'picture')}, see {_near(run.folder / 'left_out.csv')}"
        )
    features, seconds = metrics["features"], metrics["seconds"]
    lines.append(
        f"{features['computed']} features computed, {features['reused']} reused; "
        f"{seconds['total']:.0f} s in all"
    )
    lines += ["", f"The run:  {_near(run.folder)}", *_files(run), "", *_next(run)]
    return "\n".join(lines)


def describe(run):
    """A few lines for a notebook: what it is, its scores, what it offers."""
    if run.info.get("state") != "finished":
        return f"Run({str(run.folder)!r}, {run.info.get('state', 'empty')})"
    metrics = run.metrics
    return "\n".join(
        [
            f"Run({_near(run.folder)!r})  {run.config.base}, {run.config.strategy}",
            score_table(metrics["task"], metrics["splits"]),
            ".metrics .history .predictions .model .predict(path) .export(format)",
        ]
    )


def score_table(task, splits):
    """The scores of each split as a table with intervals, then each class of the last split."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("split")
    table.add_column("pictures", justify="right")
    names = [name for name, score in _first(splits).items() if _is_interval(score)]
    names.sort(key=lambda name: name != headline(task))
    for name in names:
        table.add_column(name.replace("_", " "))
    for split, scores in splits.items():
        used = " (used to choose)" if scores["used_to_choose"] else ""
        table.add_row(split + used, str(scores["n"]), *[_interval(scores[n]) for n in names])
    return "\n".join([render(table), *_class_lines(splits)])


def _class_lines(splits):
    from rich.table import Table

    split, scores = list(splits.items())[-1]
    classes = scores.get("per_class")
    if not classes or len(classes) > 30:
        return []
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"in {split}")
    names = list(next(iter(classes.values())))
    for name in names:
        table.add_column("pictures" if name == "n" else name.replace("_", " "), justify="right")
    for label, values in classes.items():
        table.add_row(label, *[_number(values[name]) for name in names])
    return ["", render(table), ""]


def render(table, width=110):
    """A rich table as plain text."""
    from rich.console import Console

    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()


def _first(splits):
    return next(iter(splits.values()))


def _is_interval(score):
    return isinstance(score, dict) and "low" in score


def _interval(score):
    if score["value"] is None:
        return "-"
    if score["low"] is None:
        return _number(score["value"])
    return f"{_number(score['value'])} ({_number(score['low'])} .. {_number(score['high'])})"


def _number(value):
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _files(run):
    rows = [("model.keras", "for Python"), ("predictions.csv", "each picture's answer")]
    lines = [f"  {name:<24}{what}" for name, what in rows if (run.folder / name).exists()]
    return lines + export_lines(read_exports(run.folder / "exports"))


def export_lines(found):
    """A line an export: where it is, how large, and that it was proven."""
    return [
        f"  {'exports/' + facts['path']:<24}{facts['bytes'] / 2**20:.1f} MiB, "
        "run and compared: answers as the model does"
        for facts in found.values()
    ]


def _next(run):
    return [
        "Next: try it on your own pictures",
        f"  keras-transfer predict --model {quote(_near(run.folder))} PICTURE_OR_FOLDER",
    ]


def _near(path):
    """A path as short as it can be said from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
