"""Pages for people, each one file that needs nothing beside it."""

import re
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.evaluate.figures import Matrix, Parallel
from keras_transfer.figures.svg import to_svg

HERE = Path(__file__).parent
COLUMN = 400  # units of a figure's width, above which it gets the whole page's
HEAD = 1000  # bytes, in which a page of ours says what made it


def render_page(template, **values):
    """The text of a page; whatever the values hold is escaped.

    Args:
        template: the name of a file beside this one; all share `style.css`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    settings = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, **settings)
    style = Markup((HERE / "style.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render(style=style, **values)


def drawn(figure):
    """A figure for the macro `plot`: with its SVG, and whether it needs the page's whole width."""
    from markupsafe import Markup

    svg = to_svg(figure)
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
    wide = isinstance(figure, Matrix | Parallel) and width > COLUMN
    return {"figure": figure, "svg": Markup(svg), "width": round(width), "wide": wide}


def check_page(page, mark):
    """Refuse a place for a page where something of the user's stands, or that has no folder.

    Args:
        page: its Path; mark: a line by which pages of its kind are known.
    """
    if page.is_dir() or not page.name:
        raise UserError("--out is a folder", page, "Name a file, for example page.html")
    if not page.parent.is_dir():
        advice = "Name another with --out"
        raise UserError("the folder for the page is missing", page.parent, advice)
    if page.exists() and not has_mark(page, mark):
        raise UserError("--out is taken by something else", page, "Name another file")


def has_mark(file, mark):
    """Whether a file begins as a page of ours with the line `mark` does, and may be replaced."""
    if not file.is_file():  # a device never ends
        return False
    with open(file, "rb") as opened:
        return mark.encode() in opened.read(HEAD)
