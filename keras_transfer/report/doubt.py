"""What `reliability.json` says, in sentences and a table."""

from typing import NamedTuple

from keras_transfer.report.numbers import in_percent, percent, spaced, threshold
from keras_transfer.report.tables import Cell, Table, interval_cell


class Doubt(NamedTuple):
    """Sentences on calibration and doubt; a Table of how they held, None without one."""

    sentences: list[str]
    table: Table | None


def describe_doubt(reliability, splits):
    """The Doubt of a run; None where nothing is known.

    Args:
        reliability: `reliability.json`; splits: of `metrics.json`.
    """
    if not reliability:
        return None
    rules = (_temperature, _unsure, _unlike, _thresholds)
    sentences = [sentence for rule in rules for sentence in [rule(reliability)] if sentence]
    held = _held(reliability, splits)
    if not sentences and held is None:
        return None
    return Doubt([_judged(reliability), *sentences], held)


def _judged(reliability):
    how = " by models that had not seen them" if reliability["out_of_fold"] else ""
    n, split = reliability["examples"], reliability["split"]
    return f"All of this was chosen on {n} examples of {split}, predicted{how}."


def _temperature(reliability):
    temperature = reliability.get("temperature")
    if temperature is None:
        return None
    if temperature == 1:
        return "Confidences are taken as they are: no temperature clearly lowered the log loss."
    way = "lowered" if temperature > 1 else "raised"
    return (
        f"Confidences were {way} so that they can be read as probabilities: logits are divided by "
        f"a temperature of {temperature:.2f}."
    )


def _unsure(reliability):
    unsure = reliability.get("unsure")
    if not unsure:
        return None
    error = in_percent(unsure["error_rate"])
    if unsure["threshold"] is None:
        return (
            f"No confidence keeps the share of wrong predictions at {error} or under: none should "
            "be taken without a look."
        )
    use = "" if unsure["useful"] else " That leaves too few predictions to be of use."
    return (
        f"A prediction with a confidence under {threshold(unsure['threshold'])} is called unsure, "
        f"so that about {error} of the others are wrong, or fewer.{use}"
    )


def _unlike(reliability):
    unlike = reliability.get("unlike_training")
    if not unlike:
        return None
    return (
        "An example is called unlike training where it lies further from the training examples "
        f"than {unlike['percentile']:g} % of unseen examples of the same kind do."
    )


def _thresholds(reliability):
    """Thresholds of the task's own, which may be none."""
    found = [
        f"{spaced(name)} {threshold(chosen['threshold'])}"
        for name, chosen in reliability.get("thresholds", {}).items()
        if isinstance(chosen, dict) and isinstance(chosen.get("threshold"), float)
    ]
    return f"Chosen thresholds: {', '.join(found)}." if found else None


def _held(reliability, splits):
    rows, unsure = [], reliability.get("unsure")
    if unsure:
        rows.append(_row(f"{reliability['split']} (chosen on)", unsure))
    rows += [_row(name, scores["unsure"]) for name, scores in splits.items() if "unsure" in scores]
    columns = ["split", "share of predictions that are sure", "share of those that is wrong"]
    return Table(columns, rows) if rows else None


def _row(name, unsure):
    return [Cell(name), *(interval_cell(unsure[score], percent) for score in ("coverage", "error"))]
