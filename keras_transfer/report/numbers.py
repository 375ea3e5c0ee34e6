"""How numbers are written, on the screen and on pages."""

import math

ABBREVIATIONS = {name: name.upper() for name in ("f1", "r2", "mae", "rmse", "auroc")}
ABBREVIATIONS |= {"brier": "Brier", "iou": "IoU", "miou": "mIoU"}
ABBREVIATIONS |= {name: name.replace("map", "mAP") for name in ("map", "map50", "map75")}


def number(value):
    """A number of a table."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int | str) else f"{value:.3f}"


def interval(score, write=number, unit=""):
    """{value, low, high} as "0.900 (0.851 .. 0.934)"; `unit` stands behind the value."""
    if score["value"] is None:
        return "-"
    both = ends(score, write, " .. ")
    return f"{write(score['value'])}{unit}{f' ({both})' if both else ''}"


def ends(score, write=number, between=" to "):
    """Both ends of an interval; empty without one."""
    if not score or score["low"] is None:
        return ""
    return f"{write(score['low'])}{between}{write(score['high'])}"


def percent(share):
    """A share in a column."""
    return "-" if share is None else f"{share:.1%}"


def hundredths(share):
    """A share for `interval`, whose unit is a percent sign or points."""
    return f"{100 * share:.1f}"


def in_percent(share):
    """A share in a sentence."""
    return f"{100 * share:.3g} %"


def threshold(value):
    """A probability with as many digits as tell it from 1: "0.83", "0.9996"."""
    digits = 3 if value >= 1 else max(3, -math.floor(math.log10(1 - value)))
    return f"{value:.{digits}g}"


def spaced(name):
    """A name of `metrics.json` as words."""
    return " ".join(ABBREVIATIONS.get(word, word) for word in name.split("_"))
