"""How each kind of figure is drawn on axes of matplotlib."""

import functools

from keras_transfer.evaluate.figures import Bars, Front, Lines, Matrix, Parallel, Scatter
from keras_transfer.figures.palette import DASHES, FONT_SIZE, LONGEST_NAME


@functools.singledispatch
def draw_kind(figure, axes, palette):
    """Draw one of `evaluate.figures` on axes of matplotlib, but for the name of its x axis."""
    raise TypeError(f"{type(figure).__name__} is none of evaluate.figures")


@draw_kind.register
def _(figure: Matrix, axes, palette):
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    cells, colours = [], []
    for row, counts in enumerate(figure.counts):
        for column, number in enumerate(counts):
            if not number:
                continue
            share = number / sum(counts)
            colour = palette.right if row == column else palette.wrong
            cells.append(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94))
            # never so deep that ink on it could not be read, on white or on black
            colours.append(to_rgba(colour, round(0.08 + 0.57 * share, 2)))
            axes.text(column, row, str(number), ha="center", va="center")
    axes.add_collection(PatchCollection(cells, facecolor=colours, edgecolor="none"))
    axes.set(xlim=(-0.5, len(figure.columns) - 0.5), ylim=(len(figure.rows) - 0.5, -0.5))
    long = max(map(len, figure.columns)) > 5 or len(figure.columns) > 8
    names, turn = list(map(short, figure.columns)), 90 if long else 0
    axes.set_xticks(range(len(names)), names, rotation=turn)
    axes.set_yticks(range(len(figure.rows)), map(short, figure.rows))
    axes.set_ylabel(literal(figure.y_label))
    axes.set_aspect("equal")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


@draw_kind.register
def _(figure: Lines, axes, palette):
    axes.grid(True)
    for place, line in enumerate(figure.lines):
        colour = palette.series[place % len(palette.series)]
        style = {"color": colour, "linestyle": DASHES[place % len(DASHES)], "linewidth": 1.8}
        if line.base:
            style["linestyle"] = "none"
            axes.vlines(line.x, line.base, line.y, color=palette.wrong, linewidth=1.2)
        if line.dots:
            style |= {"marker": "o", "markersize": 4}
        axes.plot(line.x, line.y, label=literal(line.name), **style)
    if figure.diagonal:
        _dashed(axes.axline((0, 0), slope=1), palette)
    if figure.marked:
        at, text = figure.marked
        _dashed(axes.axvline(at), palette)
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        axes.annotate(text, (at, 1), va="top", **place, **_side(figure))
    if figure.log_x:
        axes.set_xscale("log")
    axes.set_xlim(figure.x_limits)
    axes.set_ylim(figure.y_limits)
    axes.set_ylabel(literal(figure.y_label))
    if any(line.name for line in figure.lines):
        axes.legend(frameon=False, loc="best", handlelength=2.4)


@draw_kind.register
def _(figure: Scatter, axes, palette):
    axes.grid(True)
    style = {"color": palette.right, "alpha": 0.6, "markersize": 3.5}
    axes.plot(figure.x, figure.y, "o", markeredgewidth=0, **style)
    diagonal = figure.line == "diagonal"
    _dashed(axes.axline((0, 0), slope=1) if diagonal else axes.axhline(0), palette)
    if diagonal:
        low, high = min(*figure.x, *figure.y), max(*figure.x, *figure.y)
        room = 0.04 * (high - low) or 1.0
        axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    axes.set_ylabel(literal(figure.y_label))


@draw_kind.register
def _(figure: Front, axes, palette):
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.grid(True)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.vlines(figure.x, figure.low, figure.high, color=palette.right, linewidth=1.2, alpha=0.5)
    best = figure.best
    front = [[values[place] for place in best] for values in (figure.x, figure.y)]
    axes.plot(*front, color=palette.wrong, linewidth=1.2, linestyle=DASHES[1])
    axes.plot(figure.x, figure.y, "o", color=palette.right, markersize=5)
    for name, x, y in zip(figure.names, figure.x, figure.y, strict=True):
        place = {"xytext": (5, 4), "textcoords": "offset points"}
        axes.annotate(short(name), (x, y), fontsize=FONT_SIZE - 1, **place)
    axes.margins(x=0.2)
    axes.set_ylabel(literal(figure.y_label))


@draw_kind.register
def _(figure: Parallel, axes, palette):
    axes.set_axis_off()
    heights = []
    for place, name in enumerate(figure.names):
        found, ticks = figure.heights(place)
        heights.append(found)
        axes.axvline(place, color=palette.grid, linewidth=1.0, ymin=0.12, ymax=0.9)
        axes.text(place, 1.12, short(name), ha="center", va="bottom", fontsize=FONT_SIZE - 1)
        for height, text in ticks:
            axes.text(place + 0.04, height, short(text), va="center", fontsize=FONT_SIZE - 2)
    order = sorted(range(len(figure.rows)), key=lambda row: -figure.losses[row])
    for rank, number in enumerate(order, start=1):
        points = [
            (place, heights[place][value])
            for place, value in enumerate(figure.rows[number])
            if value is not None
        ]
        style = {"color": palette.wrong if rank == len(order) else palette.right}
        style |= {"alpha": 0.15 + 0.85 * (rank / len(order)) ** 3, "marker": "o", "markersize": 3}
        axes.plot(*zip(*points, strict=True), linewidth=1.2, **style)
    axes.set(xlim=(-0.3, len(figure.names) - 0.3), ylim=(-0.1, 1.25))


@draw_kind.register
def _(figure: Bars, axes, palette):
    axes.grid(True, axis="x")
    places = range(len(figure.labels))
    axes.barh(places, figure.values, height=0.66, color=palette.right, alpha=0.75)
    axes.set_yticks(places, map(short, figure.labels))
    axes.set_ylim(max(1, len(figure.labels)) - 0.5, -0.5)
    axes.set_xlim(figure.x_limits)
    axes.tick_params(axis="y", length=0)


def _side(figure):
    """On which side of its line a text has more room."""
    x = [value for line in figure.lines for value in line.x]
    right = sum(value > figure.marked[0] for value in x) >= len(x) / 2
    return {"ha": "left", "xytext": (4, 0)} if right else {"ha": "right", "xytext": (-4, 0)}


def _dashed(line, palette):
    line.set(color=palette.ink, linestyle=(0, (4, 3)), linewidth=0.8)


def short(text):
    """A name of at most LONGEST_NAME letters: what distinguishes long ones is mostly at an end."""
    if len(text) > LONGEST_NAME:
        text = f"{text[: LONGEST_NAME // 2 - 1]}…{text[-LONGEST_NAME // 2 :]}"
    return literal(text)


def literal(text):
    """A user's text, in which dollars are no mathematics."""
    return text.replace("$", r"\$")
