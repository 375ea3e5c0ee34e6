"""What mkdocs does to these pages: the help of each verb, and links to files beside the pages."""

import contextlib
import io
import os
import re
from importlib import import_module

OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./([^)#]*)\)")
HELP = re.compile(r"^\{\{ help (\w+) \}\}$", re.MULTILINE)


def on_page_markdown(markdown, **_):
    """Links out of docs/ become the names of the files; {{ help VERB }} the help of a verb."""
    markdown = OUTSIDE.sub(r"\1 (`\2`)", markdown)
    return HELP.sub(lambda found: _help(found[1]), markdown)


def _help(verb):
    from keras_transfer.__main__ import VERBS

    shown = io.StringIO()
    before = {name: os.environ.get(name) for name in ("COLUMNS", "NO_COLOR")}
    os.environ.update(COLUMNS="78", NO_COLOR="1")
    try:
        with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
            import_module(VERBS[verb][0]).main(["--help"])
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return f"```\n{shown.getvalue().strip()}\n```"
