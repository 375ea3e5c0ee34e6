"""A figure drawn with matplotlib, without pyplot: nothing of the process changes."""

import functools
import io

from keras_transfer.evaluate.figures import Bars, Matrix, Parallel
from keras_transfer.figures.kinds import draw_kind, literal
from keras_transfer.figures.palette import FONT_SIZE, LONGEST_NAME, PAPER

WIDTH = 4.9  # inches; its letters are read without glasses on a phone too
CELL, LETTER, BAR, AXIS = 0.27, 0.085, 0.25, 1.6  # inches


def settings(palette=PAPER):
    """Settings of matplotlib that a figure is made with, whatever the user's own are."""
    import matplotlib

    defaults = {
        name: value
        for name, value in matplotlib.rcParamsDefault.items()
        if not name.startswith(("backend", "webagg", "date", "keymap", "interactive", "toolbar"))
    }
    ink, grid = palette.ink, palette.grid
    ours = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), ink)
    sizes = ("font.size", "axes.labelsize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize")
    ours |= dict.fromkeys(sizes, FONT_SIZE)
    return {
        **defaults,
        **ours,
        **dict.fromkeys(("figure.facecolor", "axes.facecolor"), palette.paper),
        "axes.titlesize": FONT_SIZE + 1,
        "axes.edgecolor": ink,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": grid,
        "grid.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "svg.fonttype": "none",
        "svg.hashsalt": "keras_transfer",
    }


@functools.cache
def figure_class():
    """matplotlib's Figure, which a notebook shows although pyplot knows nothing of it."""
    from matplotlib.figure import Figure

    class Shown(Figure):
        def _repr_png_(self):
            file = io.BytesIO()
            self.savefig(file, format="png")
            return file.getvalue()

    return Shown


def make_figure(figure, palette=PAPER, titled=True):
    """A matplotlib Figure of one of `evaluate.figures`."""
    from matplotlib import rc_context

    with rc_context(settings(palette)):
        made = figure_class()(figsize=size_of(figure), layout="constrained")
        axes = made.add_subplot()
        draw(figure, axes, palette)
        if titled:
            axes.set_title(literal(figure.title))
    return made


def draw(figure, axes, palette=PAPER):
    """Draw one of `evaluate.figures` on axes."""
    draw_kind(figure, axes, palette)
    axes.set_xlabel(literal(figure.x_label))


def size_of(figure):
    """Inches: as wide as a column, wider only for a matrix that would not fit."""
    if isinstance(figure, Matrix):
        letters = min(LONGEST_NAME, max(map(len, figure.rows))) * LETTER
        side = max(len(figure.rows) * max(CELL, 0.1 + 0.08 * _digits(figure)), 1.8)
        return max(WIDTH, side + letters + 0.5), side + letters + 0.4
    if isinstance(figure, Parallel):
        return max(WIDTH, AXIS * len(figure.names)), 3.3
    if isinstance(figure, Bars):
        return WIDTH, 0.8 + BAR * max(2, len(figure.labels))
    return WIDTH, 3.3


def _digits(figure):
    return len(str(max(map(max, figure.counts))))
