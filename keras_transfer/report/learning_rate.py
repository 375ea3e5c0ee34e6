"""What a range test of learning rates found: as facts, as text for a person, as a figure."""

from keras_transfer.evaluate.figures import Line, Lines
from keras_transfer.strategies.common.rate_test import MARGIN, SUSPICIOUS, TOO_HIGH

HIGHEST_SHOWN = 1.5  # times the highest smoothed loss of the first steps: a lost one hides all
TITLE = "Loss while the learning rate grows"
CAPTION = (
    "Each point is the loss of a batch before a step at that rate. Where the smoothed loss "
    "rises clearly, steps are too long. Training takes hundreds of them, so it wants less."
)


def facts_of_test(found, stage):
    """The dict of `find_learning_rate`, without its figure.

    Args:
        found: `rate_test.RangeTest`; stage: the Stage that was tested.
    """
    recommended = stage.recipe.learning_rate
    return {
        "suggested": found.suggested(recommended),
        "default": recommended,
        "highest_stable": float(f"{found.highest_stable:.4g}"),
        "stage": stage.name,
        "reason": _reason(found, recommended),
        "steps": [
            {"rate": float(f"{rate:.4g}"), "loss": round(loss, 6), "smoothed": round(mean, 6)}
            for rate, loss, mean in zip(found.rates, found.losses, found.smoothed, strict=True)
        ],
    }


def _reason(found, recommended):
    highest = f"{found.highest_stable:.1g}, the highest rate"
    highest += " before the loss rose" if found.rose else " tried: the loss never rose"
    if found.highest_stable / MARGIN[found.fits] > SUSPICIOUS * recommended:
        return f"{SUSPICIOUS} times the recipe's own, far below {highest}"
    return f"{'a third' if found.fits else 'a tenth'} of {highest}"


def describe_test(facts, command):
    """The facts of a test in a few lines; `command` is the one to go on with."""
    suggested, default = facts["suggested"], facts["default"]
    lines = [
        f"{facts['stage']}: suggested learning rate {suggested:g}, {facts['reason']}",
        f"the recipe's own: {default:g}, {_compared(default, facts)}",
    ]
    if facts["figure"]:
        lines.append(f"the test as a figure: {facts['figure']}")
    return "\n".join([*lines, "", "Go on with:", f"  {command}"])


def _compared(default, facts):
    highest = facts["highest_stable"]
    if default > TOO_HIGH * highest:
        return "which is too high here"
    if default > highest:
        return "about the highest that is stable here"
    if default < facts["suggested"] / 10:
        return "which is stable, but may be slow"
    return "which is stable here too"


def figure_of_test(facts):
    """The figure of a test: Lines."""
    rates, losses, means = zip(*(tuple(step.values()) for step in facts["steps"]), strict=True)
    lines = Line("of each batch", rates, losses), Line("smoothed", rates, means)
    suggested = facts["suggested"]
    return Lines(
        "learning_rate",
        TITLE,
        CAPTION,
        "learning rate",
        "loss",
        lines,
        log_x=True,
        y_limits=(0.0, HIGHEST_SHOWN * max(means[: len(means) // 2 + 1]) or 1.0),
        marked=(suggested, f"suggested: {suggested:g}"),
    )
