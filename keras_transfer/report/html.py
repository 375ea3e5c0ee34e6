"""`report.html`: a run for people, in one file that needs nothing beside it."""

from pathlib import Path

from keras_transfer.environment import write_text
from keras_transfer.errors import UserError
from keras_transfer.report.contents import contents
from keras_transfer.report.pages import has_mark, render_page

NAME = "report.html"
MARK = '<meta name="generator" content="keras_transfer report">'  # a page of ours


def write_report(run, thumbnails=None, explain=None, out=None):
    """Write a run's report; the same run gives the same bytes.

    Args:
        run: `run.folder.Run`.
        thumbnails: {name of an example in the run's tables: path of its file, or its array}; by
            default they are looked for where the run's data was, and the report says so where
            they are gone.
        explain: function of the model's inputs (n, ...) that gives maps (n, height, width) of
            0..1, shown over the examples; None for none.
        out: the file; by default `RUN/report.html`.

    Returns: the file's Path.
    Raises: UserError where the file cannot be written, or is there and no report.
    """
    file = run.folder / NAME if out is None else Path(out)
    check_place(file, run.folder / NAME)
    write_text(file, render(run, thumbnails, explain))
    return file


def check_place(file, own):
    """Refuse a place for a report where something of the user's stands; `own`: the run's report."""
    if file.is_dir():  # which a file would replace, with all that is in it
        raise UserError("the report needs the name of a file", file, f"Add /{NAME}")
    if file.exists() and file.resolve() != own.resolve() and not has_mark(file, MARK):
        raise UserError("--out is taken by something else", file, "Name another file")


def render(run, thumbnails=None, explain=None):
    """The text of the page."""
    return render_page("report.html", **contents(run, thumbnails, explain))
