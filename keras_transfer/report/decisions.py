"""In words: what thresholds that were settled inside train give on a split."""


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
    return (
        f"sure of {share(found['coverage'])} of {split}; of these {share(found['error'])} are wrong"
    )


def _decided(split, wanted, found):
    return (
        f"{found['positive']} from {found['threshold']:.3f} on, for a {wanted} of "
        f"{found['wanted']:g}: in {split} sensitivity {share(found['sensitivity'])}, "
        f"specificity {share(found['specificity'])}"
    )


def share(score):
    """{value, low, high} as a percentage with its interval."""
    if score["value"] is None:
        return "-"
    text = f"{score['value']:.1%}"
    if score["low"] is None:
        return text
    return f"{text} ({100 * score['low']:.1f} .. {100 * score['high']:.1f})"
