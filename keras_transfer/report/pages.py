"""Pages for people, each one file that needs nothing beside it."""

from pathlib import Path

HERE = Path(__file__).parent
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


def has_mark(file, mark):
    """Whether a file begins as a page of ours with the line `mark` does, and may be replaced."""
    if not file.is_file():  # a device never ends
        return False
    with open(file, "rb") as opened:
        return mark.encode() in opened.read(HEAD)
