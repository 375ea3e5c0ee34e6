"""The figures of a run: how it learned, and what its task shows of its predictions."""

from keras_transfer.errors import UserError
from keras_transfer.evaluate.figures import Line, Lines
from keras_transfer.run.scored import read_last_split


def figures_of(run):
    """All figures of a run: {name: one of `evaluate.figures`}."""
    scored = read_last_split(run)
    shown = scored.task.figures(scored.targets, scored.predictions)
    learned = history_figures(run.history, scored.task)
    return {figure.name: figure for figure in (*learned, *shown)}


def find_figure(run, name):
    """One figure of a run; a UserError where it has none of that name."""
    figures = figures_of(run)
    if name not in figures:
        found = f"it has {', '.join(figures)}" if figures else ""
        raise UserError(f"this run has no figure {name}", found)
    return figures[name]


def history_figures(history, task):
    """Learning curves of a training by gradient, or the penalties that were tried: Lines."""
    if not len(history):
        return ()
    if "penalty" in history:
        return (_penalties(history),) if len(history) > 1 else ()
    epochs = history["epoch"].to_numpy(float)
    losses = {"training": "loss"}
    if task.judged_by_loss:  # else the holdout's is of another kind: its score says the same
        losses["holdout"] = "holdout_loss"
    curves = [_curve(name, epochs, history, column) for name, column in losses.items()]
    curves = [line for line in curves if line]
    metric = _curve("", epochs, history, "holdout_metric")
    marked = _selected(history)
    return tuple(
        Lines(name, title, caption, "epoch", y_label, tuple(lines), marked=marked)
        for name, title, caption, y_label, lines in (
            ("history", "Learning curves", LOSSES if len(curves) > 1 else LOSS, "loss", curves),
            ("history_metric", "Score on the holdout", METRIC, "score", [metric]),
        )
        if lines and lines[0]
    )


LOSSES = (
    "Loss on what is trained on, and on examples held out of train. Where the second rises while "
    "the first falls, more epochs only learn by heart."
)
LOSS = "Loss on what is trained on."
METRIC = "The score on examples of train that were held out, after each epoch."


def _penalties(history):
    history = history.sort_values("penalty")
    penalties, losses = history["penalty"].to_numpy(float), "cross_validation_loss"
    caption = (
        "Loss in cross-validation inside train for each penalty of the linear head. On the left "
        "the head may use every detail, on the right little more than the commonest class or mean."
    )
    lines = (_curve("", penalties, history, losses, dots=True),)
    marked = float(penalties[int(history[losses].argmin())]), "selected"
    labels = ("penalty", "loss in cross-validation")
    title = "Selecting the penalty"
    return Lines("history", title, caption, *labels, lines, log_x=True, marked=marked)


def _curve(name, x, history, column, dots=False):
    """The Line of a column without its gaps; None where there is nothing to see."""
    if column not in history:
        return None
    y = history[column].to_numpy(float)
    there = y == y
    return Line(name, tuple(x[there]), tuple(y[there]), dots or len(y) < 30) if any(there) else None


def _selected(history):
    """(epoch, text): not always that of the lowest loss, since a whole schedule ends in its best
    weights; None of a history that does not say."""
    taken = history["epoch"][history["selected"]] if "selected" in history else ()
    return (float(taken.iloc[0]), "selected") if len(taken) else None
