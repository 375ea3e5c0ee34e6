"""Colours, letters and lines that all figures share."""

from typing import NamedTuple

FONT_SIZE = 9.5  # points
LONGEST_NAME = 24  # letters
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))  # colours are not the only difference


class Palette(NamedTuple):
    """Colours of Okabe and Ito (2008), which the colour-blind can tell apart."""

    ink: str = "#1b1f24"
    grid: str = "#d5dae0"
    paper: str = "#ffffff"
    series: tuple[str, ...] = ("#0072b2", "#d55e00", "#009e73", "#b5588f", "#8a6d00")

    @property
    def right(self):
        return self.series[0]

    @property
    def wrong(self):
        return self.series[1]


PAPER = Palette()
