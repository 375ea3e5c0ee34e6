"""Which base to take, in words, as a table, and as a page."""

from keras_transfer.errors import count
from keras_transfer.evaluate.figures import Front
from keras_transfer.report.numbers import interval, spaced
from keras_transfer.report.pages import drawn, render_page
from keras_transfer.report.render import render
from keras_transfer.report.tables import Cell, Table

MARK = '<meta name="generator" content="keras_transfer choose">'  # a page of ours, to write over
WIDTH = 160
SHOWN_MISSING = 3  # bases without weights that are named on a terminal
AXES = {"ms": "milliseconds of its int8 TFLite file", "mib": "MiB of its int8 TFLite file"}


def choice_text(found):
    """What `choosing.choose` found, as a table, the reason, and the command to go on with."""
    from rich.table import Table as RichTable

    if not found["headline"]:  # nothing was compared
        return "\n".join([*_reason_lines(found), *missing_lines(found)])
    table = RichTable(box=None, pad_edge=False, header_style="bold")
    columns, rows = base_rows(found)
    for place, column in enumerate(columns):
        left = place in (0, len(columns) - 1)
        table.add_column(column, justify="left" if left else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    lines = [render(table, WIDTH), "", *_reason_lines(found)]
    return "\n".join([*lines, *missing_lines(found)])


def _reason_lines(found):
    lines = [f"{found['reason']}."]
    return [*lines, "", "Next:", f"  {found['command']}"] if found["command"] else lines


def base_rows(found):
    """(names of columns, a row of texts for each base that was compared, the best first)."""
    columns = ["base", "explained", spaced(found["headline"]), "examples"]
    columns += ["int8 MiB", "int8 ms", "float32 MiB", "float32 ms", "seconds", ""]
    return columns, [_row(base, found) for base in compared(found)]


def compared(found):
    """The bases whose weights were here: those that stayed first, the best score first."""
    here = [base for base in found["bases"] if "weights" in base]
    return sorted(here, key=lambda base: (bool(base["why_out"]), -(base["score"] or -1e9)))


def _row(base, found):
    score, large = base[found["headline"]], base["float32"] or {}
    return [
        base["name"],
        "-" if base["score"] is None else f"{base['score']:.3f}",
        interval(score) if score else "-",
        str(base["examples"] or "-"),
        *(_number(one) for one in (base["mib"], base["ms"], large.get("mib"), large.get("ms"))),
        f"{base['seconds']:.0f}",
        "recommended" if base["name"] == found["recommended"] else base["why_out"] or "",
    ]


def _number(value):
    return "-" if value is None else f"{value:.1f}"


def missing_lines(found):
    """A line on the bases whose weights are not on this machine, and how to get the first few."""
    missing = [base for base in found["bases"] if "weights" not in base]
    if not missing:
        return []
    lines = ["", f"{count(len(missing), 'base')} not compared:"]
    lines += [f"  {base['name']}: {base['why_out']}" for base in missing[:SHOWN_MISSING]]
    more = len(missing) - SHOWN_MISSING
    return lines + ([f"  and {more} more, see --json"] if more > 0 else [])


def choice_page(found):
    """The text of choose.html: one file, no links outwards."""
    columns, rows = base_rows(found)
    return render_page(
        "choose.html",
        found=found,
        rows=Table(columns, [[Cell(text) for text in row] for row in rows]),
        figures=[drawn(one) for one in fronts(found)],
        missing=[base for base in found["bases"] if "weights" not in base],
    )


def fronts(found):
    """A Front for each cost that is known of two bases or more."""
    return [one for unit in AXES if len((one := _front(found, unit)).names) > 1]


def _front(found, unit):
    headline = found["headline"]
    bases = [base for base in compared(found) if base[unit] and base[headline]]
    scores = [base[headline] for base in bases]
    return Front(
        f"front_{unit}",
        f"{spaced(headline)} against {AXES[unit].split(' of')[0]}",
        "Accuracy is of a linear head on the frozen base, in cross-validation on as many examples "
        "as the base has seen. No base beats one on the dashed line in both.",
        AXES[unit],
        spaced(headline),
        tuple(base["name"] for base in bases),
        tuple(base[unit] for base in bases),
        *(tuple(score[key] for score in scores) for key in ("value", "low", "high")),
    )
