"""Figures as plain data: what is to be seen, without a word on how; `figures` draws them."""

import math
from typing import NamedTuple


class Matrix(NamedTuple):
    """Counts, a row for each true name and a column for each predicted one."""

    name: str  # short and unique among the figures of a run
    title: str
    caption: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    y_label: str = "true"
    x_label: str = "predicted"


class Line(NamedTuple):
    """One line of a figure; `name` is empty where it needs no legend."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    dots: bool = False  # a dot at each point
    base: tuple[float, ...] = ()  # a stroke from here to each point: the gap that matters


class Lines(NamedTuple):
    """Lines over one axis.

    Attributes:
        x_limits, y_limits: both ends of an axis; None lets the numbers decide.
        diagonal: whether y = x is drawn, where perfect or indifferent models lie.
        log_x: whether the horizontal axis is logarithmic.
        marked: (x, text) of a vertical line that says what was selected; None without one.
    """

    name: str
    title: str
    caption: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    diagonal: bool = False
    log_x: bool = False
    marked: tuple[float, str] | None = None


class Scatter(NamedTuple):
    """Points, one an example; `line` is where perfect predictions lie: diagonal or zero."""

    name: str
    title: str
    caption: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    line: str = "diagonal"


class Front(NamedTuple):
    """Named points of a cost (x, logarithmic) and a score (y) with its interval.

    Those that no other beats in both, the Pareto front, are joined.
    """

    name: str
    title: str
    caption: str
    x_label: str
    y_label: str
    names: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def best(self):
        """Places of the points of the front, the cheapest first."""
        found, highest = [], -float("inf")
        for place in sorted(range(len(self.x)), key=lambda place: (self.x[place], -self.y[place])):
            if self.y[place] > highest:
                found.append(place)
                highest = self.y[place]
        return found


class Parallel(NamedTuple):
    """Parallel coordinates: an axis a setting, a line a row, the best rows strongest.

    Attributes:
        names: of the axes; rows: values on them, words, numbers, or None where a row has none.
        losses: of the rows; the lower, the better.
    """

    name: str
    title: str
    caption: str
    names: tuple[str, ...]
    rows: tuple[tuple, ...]
    losses: tuple[float, ...]
    x_label: str = ""

    def heights(self, place):
        """({a value on the axis at `place`: its height 0..1}, [(height, text)] of its ticks)."""
        values = [row[place] for row in self.rows if row[place] is not None]
        if all(isinstance(value, float) and value > 0 for value in values):
            logs = {value: math.log(value) for value in values}
            low, high = min(logs.values()), max(logs.values())
            heights = {v: (one - low) / (high - low or 1) for v, one in logs.items()}
            return heights, [(heights[v], f"{v:.2g}") for v in (min(values), max(values))]
        distinct = sorted(set(values), key=str)
        heights = {v: n / max(1, len(distinct) - 1) for n, v in enumerate(distinct)}
        return heights, [(heights[value], str(value)) for value in distinct]


class Bars(NamedTuple):
    """A horizontal bar for each label, the first on top."""

    name: str
    title: str
    caption: str
    x_label: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    x_limits: tuple[float, float] | None = None
