"""What a person reads of a run: at the end of a training, and in a notebook."""

import os
from shlex import quote

from keras_transfer.errors import count
from keras_transfer.export.certificate import CERTIFICATE
from keras_transfer.report.decisions import decision_lines
from keras_transfer.report.episodes import episode_table
from keras_transfer.report.numbers import interval, number, percent, spaced
from keras_transfer.report.render import render
from keras_transfer.tasks import find_task

WIDTH = 120  # four scores with their intervals


def summarise(run):
    """Scores, what each class got, where everything is, and the next sensible command."""
    metrics = run.metrics
    split, scores = list(metrics["splits"].items())[-1]
    lines = [score_table(metrics["task"], metrics["splits"]), *decision_lines(split, scores)]
    for name, found in metrics.get("episodes", {}).items():
        lines += ["", f"new classes, of {name}:", episode_table(found), ""]
    skipped = metrics["examples"]["skipped"]
    if skipped:
        lines.append(
            f"skipped: {count(skipped, 'example')}, see {_near(run.folder / 'skipped.csv')}"
        )
    features, seconds = metrics["features"], metrics["seconds"]
    lines.append(
        f"{features['computed']} features computed, {features['reused']} reused; "
        f"{seconds['total']:.0f} s in all"
    )
    lines += ["", f"The run:  {_near(run.folder)}", *_files(run), "", *_next(run)]
    return "\n".join(lines)


def score_table(task, splits):
    """The first scores of each split with intervals, then each class of the last split."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("split")
    table.add_column("examples", justify="right")
    kind = find_task(task)
    names = [name for name in (kind.headline, *kind.shown_scores) if name in _first(splits)]
    for name in names:
        table.add_column(spaced(name))
    for split, scores in splits.items():
        mark = "*" if scores["used_for_selection"] else ""
        mark = "+" if scores.get("cross_validated") else mark
        table.add_row(split + mark, str(scores["n"]), *[interval(scores[n]) for n in names])
    selected = any(scores["used_for_selection"] for scores in splits.values())
    note = ["* used for selection"] if selected else []
    if any(scores.get("cross_validated") for scores in splits.values()):
        note.append("+ cross-validated: each example by a model that had not seen it")
    return "\n".join([render(table, WIDTH), *note, *_class_lines(splits)])


def _class_lines(splits):
    from rich.table import Table

    split, scores = list(splits.items())[-1]
    classes = scores.get("per_class")
    if not classes or len(classes) > 30:
        return []
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"in {split}")
    first = next(iter(classes.values()))
    names = [name for name, value in first.items() if not isinstance(value, dict)]
    for name in names:
        table.add_column("examples" if name == "n" else spaced(name), justify="right")
    for label, values in classes.items():
        table.add_row(label, *[number(values[name]) for name in names])
    return ["", render(table), ""]


def _first(splits):
    return next(iter(splits.values()))


def _files(run):
    rows = [
        ("report.html", "scores, figures, mistakes: open it in a browser"),
        ("model.keras", "for Python"),
        ("predictions.csv", "each example's prediction"),
    ]
    lines = [f"  {name:<24}{what}" for name, what in rows if (run.folder / name).exists()]
    certificate = run.certificate
    return [*lines, *(["", export_table(certificate)] if certificate else [])]


def export_table(certificate):
    """What `certificate.json` says of each file, a row each, and what it was measured on."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    task = certificate.get("task")
    name = find_task(task).headline if task else "score"
    for column in ("exports/", "MiB", spaced(name), "agrees", "apart", "from files", "ms", ""):
        table.add_column(column, justify="left" if column in ("exports/", "") else "right")
    if "model" in certificate:
        own = certificate["model"]
        table.add_row("(model.predict)", "", interval(own[name]), "", "", "", _ms(own), "")
    for entry in certificate["files"].values():
        table.add_row(*_export_row(entry, name))
    return "\n".join([render(table), *_export_notes(certificate["files"].values())])


def _export_row(entry, name):
    size = f"{entry['bytes'] / 2**20:.1f}"
    if "same_inputs" not in entry:
        return entry["path"], size, "-", "-", f"{entry['difference']:.2g}", "-", "-", "not scored"
    same, encoded = entry["same_inputs"], entry.get("from_files", {})
    return (
        entry["path"],
        size,
        interval(same[name]),
        percent(same["agreement"]),
        f"{same['largest_difference']:.2g}",
        percent(encoded.get("agreement")),
        _ms(entry),
        "passed" if entry["passed"] else "FAILED",
    )


def _ms(entry):
    return f"{entry['latency_ms']['median']:.1f}"


def _export_notes(entries):
    """On which examples files were measured, and where they were too few."""
    lines, places = [""], {}
    for entry in entries:
        if "split" in entry:
            of = f" of {entry['split_size']}" if entry["split_size"] > entry["examples"] else ""
            how = "trained the model" if entry["split"] == "train" else "selected something"
            selected = f", which {how}" if entry["used_for_selection"] else ""
            places[f"{entry['examples']}{of} examples of {entry['split']}{selected}"] = True
    if places:
        lines.append(
            f"Measured on {' and '.join(places)}. Agrees: predicts as the model, same inputs; "
            "apart: largest difference; from files: agrees when the file's runtime decodes and "
            f"resizes; ms an example. All of it: exports/{CERTIFICATE}"
        )
    unclear = [e for e in entries if not (e["passed"] and e["conclusive"])]
    return lines + [f"{entry['path']}: {entry['reason']}" for entry in unclear]


def _next(run):
    return [
        "Next: try it on your own examples",
        f"  keras-transfer predict --model {quote(_near(run.folder))} EXAMPLE_OR_FOLDER",
    ]


def _near(path):
    """The shortest text for a path from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
