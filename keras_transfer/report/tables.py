"""Tables of a report: what `metrics.json`, the certificate and the configuration hold."""

import dataclasses
from shlex import quote
from typing import Any, NamedTuple

from keras_transfer.bases.table import BASES
from keras_transfer.config import IN_MEMORY, config_class
from keras_transfer.evaluate.draws import is_score
from keras_transfer.report.numbers import ends, number, percent, spaced, threshold

MOST_ROWS = 200


class Cell(NamedTuple):
    """One cell: its text, and in small letters its interval or a remark."""

    text: str
    note: str = ""


class Table(NamedTuple):
    """Names of columns, and rows of cells; the first of each row names it."""

    columns: list[str]
    rows: list[list[Cell]]
    note: str = ""


def score_table(splits, headline):
    """A column for each split, a row for each score; that which is shown first comes first."""
    first = next(iter(splits.values()))
    names = [name for name, score in first.items() if is_score(score)]
    names.sort(key=lambda name: name != headline)
    rows = [
        [Cell("examples"), *(Cell(str(scores["n"])) for scores in splits.values())],
        [
            Cell("used for selection"),
            *(Cell("yes" if scores["used_for_selection"] else "no") for scores in splits.values()),
        ],
    ]
    for name in names:
        cells = [score_cell(scores[name]) for scores in splits.values()]
        rows.append([Cell(spaced(name)), *cells])
    return Table(["", *splits], rows)


def part_tables(scores):
    """{title: Table} of what the scores have for each class, label, number or threshold."""
    parts = {name: rows for name, rows in scores.items() if name.startswith("per_") and rows}
    made = {f"Each {name[4:]}": _part_table(name[4:], rows) for name, rows in parts.items()}
    return made | {spaced(name).capitalize(): _decided(scores[name]) for name in decided(scores)}


def decided(scores):
    """Names of what holds scores of decisions by a threshold."""
    dicts = {name: value for name, value in scores.items() if isinstance(value, dict)}
    return [
        name
        for name, value in dicts.items()
        if "threshold" in value and any(is_score(inner) for inner in value.values())
    ]


def _decided(values):
    shown = {name: value for name, value in values.items() if not isinstance(value, list)}
    cells = {
        name: score_cell(value) if is_score(value) else Cell(_setting(name, value))
        for name, value in shown.items()
    }
    return Table(["", "value"], [[Cell(spaced(name)), cell] for name, cell in cells.items()])


def _setting(name, value):
    return threshold(value) if name == "threshold" else number(value)


def _part_table(noun, rows):
    found = next(iter(rows.values()))
    names = [name for name, value in found.items() if not isinstance(value, dict | list)]
    shown = list(rows.items())[:MOST_ROWS]
    note = f"The first {len(shown)} of {len(rows)}; all are in metrics.json." * (
        len(rows) > len(shown)
    )
    made = []
    for label, values in shown:
        intervals = values.get("intervals", {})
        cells = [Cell(number(values[name]), ends(intervals.get(name))) for name in names]
        made.append([Cell(label), *cells])
    columns = ["examples" if name == "n" else spaced(name) for name in names]
    return Table([noun, *columns], made, note)


def export_table(certificate, headline):
    """What the certificate says of each file; None without exports."""
    files = certificate.get("files", {})
    if not files:
        return None
    rows = []
    for entry in files.values():
        # a file that was written when the run's examples were gone was not scored
        same, encoded = entry.get("same_inputs", {}), entry.get("from_files", {})
        latency = entry.get("latency_ms", {}).get("median")
        rows.append(
            [
                Cell(entry["path"]),
                Cell("passed" if entry["passed"] else "failed", entry.get("reason", "")),
                Cell(f"{entry['bytes'] / 2**20:.1f}"),
                score_cell(same[headline]) if headline in same else Cell("-"),
                Cell(percent(same.get("agreement"))),
                Cell(percent(encoded.get("agreement"))),
                Cell("-" if latency is None else f"{latency:.1f}"),
            ]
        )
    columns = ["file", "certificate", "MiB", spaced(headline), "agrees with the model"]
    return Table([*columns, "agrees from files", "ms an example"], rows)


def config_tables(config):
    """(settings that differ from the defaults, all settings)."""
    named = {kind: getattr(config, kind) for kind in ("strategy", "task", "modality")}
    fields = dataclasses.fields(config_class(**named))
    every = {field.name: getattr(config, field.name) for field in fields}
    changed = {f.name: every[f.name] for f in fields if every[f.name] != f.default}
    return tuple(
        Table(["setting", "value"], [[Cell(name), Cell(_text(v))] for name, v in values.items()])
        for values in (changed, every)
    )


def command(config):
    """The command that repeats a run; None where only Python can."""
    if config.data == IN_MEMORY or config.base not in BASES:
        return None
    words = ["keras-transfer", "train"]
    for row in config_tables(config)[0].rows:
        name = row[0].text
        value, flag = getattr(config, name), name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            values = value if isinstance(value, tuple) else (value,)
            words += [f"--{flag}", *(quote(str(one)) for one in values)]
    return " ".join(words)


def score_cell(score):
    """A score with its interval as a cell."""
    return interval_cell(score, number)


def interval_cell(score, write):
    """{value, low, high} as a cell, its numbers as `write` has them."""
    return Cell(write(score["value"]), ends(score, write))


def _text(value: Any):
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
