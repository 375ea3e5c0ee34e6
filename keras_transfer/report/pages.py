"""Pages for people, each one file that needs nothing beside it."""

from pathlib import Path

HERE = Path(__file__).parent


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
