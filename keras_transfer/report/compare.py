"""Compared runs in words, as a table, and as a page."""

from keras_transfer.errors import count
from keras_transfer.evaluate.paired import CHANCE
from keras_transfer.report.numbers import hundredths, interval, number, spaced
from keras_transfer.report.pages import render_page
from keras_transfer.report.render import render

MARK = '<meta name="generator" content="keras_transfer compare">'  # a page of ours, to write over
SHOWN_EXPORTS = {"tflite": "tflite", "tflite-int8": "int8"}  # what phones get; all are in --json
WIDTH = 160
LEAST_P = 0.0001


def comparison_text(found):
    """What `run.comparison.compare_runs` found, as a table and one line a pair with the best."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    columns, rows = run_rows(found)
    for place, column in enumerate(columns):
        justify = "left" if place < 4 else "right"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=place > 0)
    for row in rows:
        table.add_row(*row)
    lines = [sentence(found, pair) for pair in pairs_with_best(found)]
    more = len(found["pairs"]) - len(lines)
    if more:
        lines.append(f"{count(more, 'more pair')}: --json and the page")
    return "\n".join([compared_what(found), "", render(table, WIDTH), "", *lines])


def compared_what(found):
    """A line on which examples were compared, and what was skipped."""
    groups = f" in {found['groups']} groups" if found["groups"] else ""
    text = f"{count(found['examples'], 'example')}{groups} of {found['split']}, scored by every run"
    skipped = [
        f"{skipped} {spaced(reason)}" for reason, skipped in found["skipped"].items() if skipped
    ]
    return f"{text}; skipped: {', '.join(skipped)}" if skipped else text


def pairs_with_best(found):
    """The pairs in which the best run is."""
    return [pair for pair in found["pairs"] if pair["one"] == found["best"]]


def sentence(found, pair):
    """Whether one run is better than another by more than chance."""
    after = " after Holm" if len(found["pairs"]) > 1 else ""
    p = p_text(pair["p_holm"])
    p = f"p {p}{after}" if p.startswith("<") else f"p = {p}{after}"
    sizes = difference_text(found, pair["difference"])
    if pair["more_than_chance"]:
        return f"{pair['one']} is better than {pair['other']} by {sizes}, more than chance ({p})"
    return (
        f"{pair['one']} and {pair['other']}: no difference that is more than chance: {sizes}, {p}"
    )


def difference_text(found, difference):
    """ "3.1 points (0.8 .. 5.4)", of shares in percentage points; of others with the score's
    name where it is not the headline."""
    if found["exact"]:
        return interval(difference, hundredths, " points")
    own = found["paired_score"] != found["headline"]
    return interval(difference, number, f" in {spaced(found['paired_score'])}" if own else "")


def p_text(p):
    """ "0.004", "< 0.0001"."""
    return f"< {LEAST_P}" if p < LEAST_P else f"{p:.2g}"


def run_rows(found):
    """(names of columns, a row of texts a run): scores and costs."""
    own = found["paired_score"] != found["headline"]
    exports = [e for e in SHOWN_EXPORTS if any(e in run["exports"] for run in found["runs"])]
    columns = ["run", spaced(found["headline"]), "base", "strategy"]
    columns += [spaced(found["paired_score"])] if own else []
    columns += [f"{SHOWN_EXPORTS[export]} {unit}" for export in exports for unit in ("MiB", "ms")]
    columns += ["seconds"]
    rows = [
        [
            run["name"],
            interval(run["score"]),
            run["base"],
            run["strategy"],
            *([number(run["paired_score"])] if own else []),
            *[text for export in exports for text in _cost(run["exports"].get(export))],
            f"{run['seconds']['total']:.0f}",
        ]
        for run in found["runs"]
    ]
    return columns, rows


def _cost(export):
    if export is None:
        return "-", "-"
    latency = export["latency_ms"]
    return f"{export['bytes'] / 2**20:.1f}", "-" if latency is None else f"{latency:.1f}"


def comparison_page(found):
    """The text of compare.html: one file, no links outwards."""
    low, high = _axis(found["runs"])

    def place(value):
        """Of a score on the axis, 0 to 100."""
        return f"{100 * (value - low) / (high - low):.2f}"

    columns, rows = run_rows(found)
    return render_page(
        "compare.html",
        found=found,
        what=compared_what(found),
        lines=[sentence(found, pair) for pair in pairs_with_best(found)],
        columns=columns,
        rows=list(zip(found["runs"], rows, strict=True)),
        pairs=[
            (pair, difference_text(found, pair["difference"]), p_text(pair["p_value"]))
            for pair in found["pairs"]
        ],
        p_text=p_text,
        place=place,
        axis=(f"{low:.3f}", f"{high:.3f}"),
        chance=CHANCE,
    )


def _axis(runs):
    """(low, high) between which all intervals lie, with a little room."""
    scores = [run["score"] for run in runs if run["score"]["value"] is not None]
    ends = [score[key] for score in scores for key in ("low", "value", "high")]
    ends = [end for end in ends if end is not None] or [0.0, 1.0]
    room = 0.05 * (max(ends) - min(ends)) or 0.05
    return min(ends) - room, max(ends) + room
