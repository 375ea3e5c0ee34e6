"""What a search of settings found: in words, as a table, and as a page."""

from keras_transfer.evaluate.figures import Bars, Line, Lines, Parallel
from keras_transfer.report.numbers import spaced
from keras_transfer.report.pages import drawn, render_page
from keras_transfer.report.render import render
from keras_transfer.report.tables import Cell, Table

SHOWN, WIDTH = 10, 140
MISSING = "default"
COLUMNS = ("trial", "error", "score", "seconds", "settings")


def tuning_text(found):
    """The best trials as a table, and the reason for what was trained."""
    from rich.table import Table as RichTable

    table = RichTable(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        left = column == "settings"
        table.add_column(column, justify="left" if left else "right", overflow="fold")
    for trial in ranked(found)[:SHOWN]:
        table.add_row(*trial_row(trial, found))
    finished = sum(trial["loss"] is not None for trial in found["trials"])
    what = f"{finished} of {len(found['trials'])} trials finished, in {found['study']}"
    return f"{render(table, WIDTH)}\n\n{what}; {found['reason']}"


def ranked(found):
    """Trials, the best first; those without a result last."""
    worst = float("inf")
    return sorted(found["trials"], key=lambda t: worst if t["loss"] is None else t["loss"])


def trial_row(trial, found):
    """Texts: number, loss, score, seconds, settings with what became of it."""
    marks = {found["kept"]: "trained", found["default"]: "the defaults"}
    what = ", ".join(f"{spaced(n)} {text(v)}" for n, v in trial["settings"].items())
    remark = marks.get(trial["number"]) or trial["reason"]
    return (
        str(trial["number"]),
        "-" if trial["loss"] is None else f"{trial['loss']:.4f}",
        "-" if trial["metric"] is None else f"{trial['metric']:.3f}",
        "-" if trial["seconds"] is None else f"{trial['seconds']:.0f}",
        f"{what} ({remark})" if remark else what,
    )


def text(value):
    """A value as a person writes it."""
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def tuning_page(found):
    """The text of tune.html: one file, no links outwards."""
    figures = [history(found), importance(found), parallel(found)]
    rows = [[Cell(text) for text in trial_row(trial, found)] for trial in ranked(found)]
    return render_page(
        "tune.html",
        found=found,
        rows=Table(list(COLUMNS), rows),
        figures=[drawn(one) for one in figures if one],
    )


def _done(found):
    return [trial for trial in found["trials"] if trial["loss"] is not None]


def history(found):
    """Lines: the loss of each trial, and the lowest until then; None without a trial."""
    done = _done(found)
    if len(done) < 2:
        return None
    numbers = tuple(float(trial["number"]) for trial in done)
    losses = tuple(trial["loss"] for trial in done)
    lowest = tuple(min(losses[: place + 1]) for place in range(len(losses)))
    lines = Line("a trial", numbers, losses, dots=True), Line("the best so far", numbers, lowest)
    caption = (
        "Error on held-out training examples (of probabilities and numbers the squared one); "
        "the lower, the better."
    )
    return Lines("history", "History", caption, "trial", "error", lines)


def importance(found):
    """Bars: how much of the differences between trials a setting explains; None for few trials.

    The share of the variance of the losses that lies between the values of a setting, numbers cut
    at their median; settings that go together share theirs.
    """
    done = _done(found)
    names = {name for trial in done for name in trial["settings"]}
    shares = {name: _between(done, name) for name in sorted(names)}
    shares = {name: share for name, share in shares.items() if share is not None}
    if len(done) < 5 or not shares:
        return None
    order = sorted(shares, key=shares.get, reverse=True)
    caption = (
        "Share of the variance of the error that lies between the values of a setting, "
        "each on its own."
    )
    labels = tuple(map(spaced, order))
    values = tuple(shares[name] for name in order)
    given = ("importance", "Importance", caption, "share of the variance", labels, values)
    return Bars(*given, x_limits=(0.0, 1.0))


def _between(done, name):
    """The share of the variance between groups; None where there is one group alone."""
    import numpy as np

    values = [trial["settings"].get(name, MISSING) for trial in done]
    numbers = [value for value in values if isinstance(value, float)]
    middle = float(np.median(numbers)) if numbers else 0.0
    groups = np.array([str(v > middle) if isinstance(v, float) else str(v) for v in values])
    losses = np.array([trial["loss"] for trial in done])
    if len(set(groups)) < 2 or not losses.var():
        return None
    means = np.array([losses[groups == group].mean() for group in groups])
    return float(means.var() / losses.var())


def parallel(found):
    """Parallel coordinates of all trials that finished; None for few."""
    done = ranked({"trials": _done(found)})
    names = list(dict.fromkeys(name for trial in done for name in trial["settings"]))
    if len(done) < 3 or len(names) < 2:
        return None
    rows = tuple(tuple(trial["settings"].get(name) for name in names) for trial in done)
    losses = tuple(trial["loss"] for trial in done)
    caption = (
        "A line is a trial, the best ones are strong; a setting without a meaning has no point."
    )
    labels = tuple(map(spaced, names))
    return Parallel("parallel", "Settings and error", caption, labels, rows, losses)
