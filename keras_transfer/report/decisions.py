"""In words: what thresholds that were settled inside train give on a split."""

from keras_transfer.report.numbers import hundredths, interval, threshold


def decision_lines(split, scores):
    """A line on predictions that are sure, and one for each threshold of the task.

    Args:
        split: its name; scores: those of `metrics.json` for it.
    """
    lines = [_unsure(split, scores["unsure"])] if "unsure" in scores else []
    for name, found in scores.items():
        if isinstance(found, dict) and "wanted" in found:
            lines.append(_decided(split, name.removeprefix("at_"), found))
    return lines


def _unsure(split, found):
    if not found["coverage"]["value"]:
        return f"no prediction of {split} is sure enough for --error-rate"
    coverage, error = (_share(found[name]) for name in ("coverage", "error"))
    return f"sure of {coverage} of {split}; of these {error} are wrong"


def _decided(split, wanted, found):
    return (
        f"{found['positive']} from {threshold(found['threshold'])} on, for a {wanted} of "
        f"{found['wanted']:g}: in {split} sensitivity {_share(found['sensitivity'])}, "
        f"specificity {_share(found['specificity'])}"
    )


def _share(score):
    return interval(score, hundredths, "%")
