"""A figure as SVG text for a page: small, in the page's own font, at home on light and dark."""

import io
import re
import warnings

from keras_transfer.figures.drawing import make_figure
from keras_transfer.figures.palette import Palette

VARIABLES = {  # what matplotlib draws with: what the page may set, and what holds if it does not
    "#010101": "currentColor",
    "#020202": "var(--grid, #8885)",
    "#030301": "var(--series-1, #3287c4)",
    "#030302": "var(--series-2, #d9691e)",
    "#030303": "var(--series-3, #1f9e76)",
    "#030304": "var(--series-4, #b5588f)",
    "#030305": "var(--series-5, #9c8000)",
}
INK, GRID, *SERIES = VARIABLES
PALETTE = Palette(INK, GRID, "none", tuple(SERIES))
NOISE = re.compile(  # what a browser does not need
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<!--.*?-->|"
    r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>",
    re.DOTALL,
)
FONT = re.compile(r"font: ([\d.]+px) [^;\"]*|font-family: [^;\"]*;? ?")
TAG = re.compile(r"<[^>]+>")
NUMBER = re.compile(r"-?\d+\.\d+")
COLOUR = re.compile("|".join(VARIABLES))


def to_svg(figure):
    """One of `evaluate.figures` as the text of an `<svg>` element; the same each time.

    Colours are those of the page: `currentColor`, `--grid`, `--series-1` and so on.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    from keras_transfer.figures.drawing import settings

    made, file = make_figure(figure, PALETTE, titled=False), io.StringIO()
    with rc_context({**settings(PALETTE), "svg.hashsalt": figure.name}):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        with warnings.catch_warnings():  # the page has its own letters for every alphabet
            warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
            FigureCanvasSVG(made).print_svg(file, metadata=nothing)
    return compact(file.getvalue(), figure.title)


def to_svg_file(figure):
    """One of `evaluate.figures` as the text of an SVG file of its own, on white paper."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    from keras_transfer.figures.drawing import settings

    made, file = make_figure(figure), io.StringIO()
    with rc_context({**settings(), "svg.hashsalt": figure.name}):
        FigureCanvasSVG(made).print_svg(file, metadata={"Date": None, "Title": figure.title})
    return file.getvalue()


def compact(text, title):
    """The SVG of matplotlib without what only a file of its own needs."""
    from html import escape

    text = NOISE.sub("", text)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    text = TAG.sub(lambda match: _compact_tag(match.group(), used), text)
    (box,) = re.findall(r'<svg[^>]*viewBox="([^"]*)"', text)
    head = f'<svg role="img" aria-label="{escape(title)}" viewBox="{box}">'
    return head + text[text.index(">", text.index("<svg")) + 1 :].strip()


def _compact_tag(tag, used):
    """One tag, with its id where it is `used`; what stands between tags are a user's words."""
    tag = COLOUR.sub(lambda found: VARIABLES[found.group()], tag.replace("xlink:href", "href"))
    tag = FONT.sub(lambda found: f"font-size: {found[1]}" if found[1] else "", tag)
    tag = re.sub(r' id="([^"]*)"', lambda found: found.group() if found[1] in used else "", tag)
    return re.sub(r"\s*\n\s*", " ", NUMBER.sub(_rounded, tag))


def _rounded(match):
    """A tenth of a point is less than is seen; shares of an opacity are finer."""
    value = float(match.group())
    return f"{value:.{1 if abs(value) > 2 else 2}f}".rstrip("0").removesuffix(".")
