"""What a run learned from: counts, duplicates, what was skipped."""

from typing import NamedTuple

from keras_transfer.data.splits import find_duplicates
from keras_transfer.errors import UserError
from keras_transfer.report.tables import MOST_ROWS, Cell, Table
from keras_transfer.run.roles import read_splits
from keras_transfer.run.tables import check_length, read_table

SPLITS = ("train", "val", "test", "unlabelled")
MOST_REASONS = 12


class Data(NamedTuple):
    """Of a run's examples.

    Attributes:
        counts: Table of examples in each class and split.
        training: {class: examples in train}.
        members: {class: names of its examples, those of train first}.
        duplicates: as of `find_duplicates`.
        skipped: Table of reasons; None where everything was read.
        digests: {name of an example: sha256}.
    """

    counts: Table
    training: dict[str, int]
    members: dict[str, list[str]]
    duplicates: list
    skipped: Table | None
    digests: dict[str, str]


def read_data(run, task):
    """The Data of a run from the tables in its folder; `task` reads the labels."""
    table, examples = read_splits(run.folder), run.metrics["examples"]
    check_length(table, examples["read"] - examples["skipped"], "splits.csv")
    unknown = set(table["split"]) - set(SPLITS)
    if unknown:  # the end of a line may be missing
        raise UserError("a file of the run is damaged", f"splits.csv: split {min(unknown)!r}")
    splits = [split for split in SPLITS if (table["split"] == split).any()]
    members = {split: _members(table[table["split"] == split], task) for split in splits}
    names = [name for name in task.outputs if any(name in of for of in members.values())]
    rows = [[Cell(n), *(Cell(str(len(members[s].get(n, ())))) for s in splits)] for n in names]
    totals = [Cell(str((table["split"] == split).sum())) for split in splits]
    note = f"The first {MOST_ROWS} of {len(rows)}." if len(rows) > MOST_ROWS else ""
    counts = Table(["", *splits], [*rows[:MOST_ROWS], [Cell("all examples"), *totals]], note)
    every = {n: [path for s in splits for path in members[s].get(n, ())] for n in names}
    training = {n: len(members["train"].get(n, ())) for n in names}
    duplicates = find_duplicates(table.rename(columns={"path": "shown"}))
    digests = dict(zip(table["path"], table["sha256"], strict=True))
    return Data(counts, training, every, duplicates, _skipped(run), digests)


def _members(table, task):
    """{name of an output: names of the examples that carry it}; empty where no label is known."""
    found = {}
    if "label" not in table:
        return found
    for path, text in zip(table["path"], table["label"], strict=True):
        for name in task.carried_names(text):
            found.setdefault(name, []).append(path)
    return found


def _skipped(run):
    table = read_table(run.folder / "skipped.csv", ["path", "reason"])
    check_length(table, run.metrics["examples"]["skipped"], "skipped.csv")
    if not len(table):
        return None
    rows = []
    for reason, part in table.groupby("reason", sort=True):
        more = f" and {len(part) - 3} more" if len(part) > 3 else ""
        rows.append([Cell(reason), Cell(str(len(part))), Cell(", ".join(part["path"][:3]) + more)])
    rows.sort(key=lambda row: -int(row[1].text))
    note = "All of them are in skipped.csv." if len(rows) > MOST_REASONS else ""
    return Table(["reason", "examples", "which"], rows[:MOST_REASONS], note)
