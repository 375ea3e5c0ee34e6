"""What figures show, computed from predictions alone."""

import numpy as np

from keras_transfer.evaluate.calibration import equal_mass_bins, expected_calibration_error
from keras_transfer.evaluate.figures import Bars, Line, Lines, Matrix, Scatter
from keras_transfer.evaluate.ranking import Ranking, rank_classes

MOST_CLASSES = 30  # of a matrix that can be read
MOST_PAIRS = 20
MOST_BARS = 40
MOST_POINTS = 200  # of a curve: more cannot be distinguished
MOST_DOTS = 1500
UNIT = (0.0, 1.0)


def confusion(targets, predicted, names):
    """The confusion matrix, or beyond MOST_CLASSES the pairs that are confused most.

    Args:
        targets, predicted: class numbers (n,); names: of the k classes.
    """
    width = len(names)
    counts = np.bincount(targets * width + predicted, minlength=width * width)
    counts = counts.reshape(width, width)
    if width > MOST_CLASSES:
        return _confused_pairs(counts, names)
    rows = tuple(tuple(row) for row in counts.tolist())
    caption = (
        "Each row holds the examples of one true class. Blue is right, orange is wrong; the deeper "
        "the colour, the larger the share of the row."
    )
    return Matrix("confusion", "Confusion matrix", caption, tuple(names), tuple(names), rows)


def _confused_pairs(counts, names):
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [divmod(int(place), len(names)) for place in order if wrong.flat[place]]
    labels = tuple(f"{names[true]} → {names[taken]}" for true, taken in pairs)
    values = tuple(float(wrong[pair]) for pair in pairs)
    caption = "True class → predicted class, for the pairs that are confused most often."
    return Bars("confusion", "Most confused classes", caption, "examples", labels, values)


def reliability(confidence, right, noun="prediction"):
    """How often predictions are right, against how sure the model is of them: Lines.

    Args:
        confidence: probabilities (n,); right: bool (n,); noun: what each is of.
    """
    bins = equal_mass_bins(confidence)
    parts = [bins == number for number in np.unique(bins)]
    sure = [float(confidence[part].mean()) for part in parts]
    share = [float(right[part].mean()) for part in parts]
    gap = expected_calibration_error(confidence, right)
    caption = (
        f"Each dot holds about as many {noun}s. On the dashed line a model that is 80 % sure "
        f"is right 80 % of the time; below it the model is too sure of itself. The mean gap "
        f"(expected calibration error) is {gap:.3f}."
    )
    line = Line("", tuple(sure), tuple(share), dots=True, base=tuple(sure))
    low = max(0.0, min(*sure, *share, 0.95) - 0.05)
    ends = (low, 1.02)
    labels = ("mean confidence", "share that is right")
    return Lines("reliability", "Reliability", caption, *labels, (line,), ends, ends, diagonal=True)


def coverage_error(confidence, wrong):
    """The error rate among the most certain predictions, however many are kept: Lines."""
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(order) + 1)
    rate = np.cumsum(wrong[order]) / kept
    # predictions of the same confidence are kept or refused together
    ends = np.flatnonzero(np.diff(confidence[order], append=-1.0))
    x, y = thinned(kept[ends] / len(order), rate[ends])
    caption = (
        "If only the most certain predictions are used, this share of them is wrong. On the far "
        "right all are used."
    )
    labels = ("share of predictions used", "share of them that is wrong")
    top = max(0.02, *y) * 1.08
    title = "Coverage against error"
    return Lines("coverage", title, caption, *labels, (Line("", x, y),), (0.0, 1.01), (0.0, top))


def roc(truth, scores, name):
    """The ROC curve of one class: Lines; `truth`: bool (n,), `scores`: its probability (n,)."""
    found, false = _cumulated(truth, scores)
    y, x = found / max(1, truth.sum()), false / max(1, (~truth).sum())
    area = float(Ranking(truth, scores).scores(np.ones((1, len(truth))))[0, 0])
    caption = (
        f"For every threshold: how much of {name} is found, and how much of the rest is taken for "
        "it."
    )
    if np.isfinite(area):  # else the split lacks one of the classes
        caption += f" The area under the curve is {area:.3f}; a guess has 0.5."
    labels = (f"share of the rest taken for {name}", f"share of {name} found")
    line = Line("", *thinned(x, y))
    ends = (-0.01, 1.01)
    return Lines("roc", f"ROC of {name}", caption, *labels, (line,), ends, ends, diagonal=True)


def precision_recall(truths, scores, names):
    """A curve for each of several classes or labels: Lines.

    Args:
        truths: bool (n, k); scores: probabilities (n, k); names: of the k.
    """
    lines = []
    for place, name in enumerate(names):
        found, false = _cumulated(truths[:, place], scores[:, place])
        found, false = found[1:], false[1:]
        recall = found / max(1, truths[:, place].sum())
        lines.append(Line(name, *thinned(recall, found / np.maximum(1, found + false))))
    caption = "For every threshold: how many of those found are right, against how many are found."
    ends, title = (-0.01, 1.01), "Precision and recall"
    return Lines("precision_recall", title, caption, "recall", "precision", (*lines,), ends, ends)


def average_precisions(truths, scores, names):
    """Average precision of each label, the lowest first: Bars."""
    values = rank_classes(truths, scores)(np.ones((1, len(truths))))[1][0]
    order = [int(place) for place in np.argsort(values) if not np.isnan(values[place])]
    shown = order[:MOST_BARS]
    caption = "How well the examples with a label are ranked above those without it; 1 is perfect."
    if len(order) > len(shown):
        caption = f"The lowest {len(shown)} of {len(order)} labels. {caption}"
    labels, values = tuple(names[p] for p in shown), tuple(float(values[p]) for p in shown)
    title = "Average precision of each label"
    return Bars("average_precision", title, caption, "average precision", labels, values, UNIT)


def predicted_against_true(targets, predictions, name):
    """Scatter of one number (n,)."""
    x, y = _sampled(targets, predictions)
    caption = "One dot for each example; perfect predictions lie on the dashed line."
    title = f"Predicted against true {name}"
    return Scatter(f"predicted_{name}", title, caption, f"true {name}", "predicted", x, y)


def residuals(targets, predictions, name):
    """Scatter of the errors of one number (n,), against what was predicted."""
    x, y = _sampled(predictions, predictions - targets)
    caption = (
        "Above the dashed line too much was predicted, below it too little. A slope or a funnel "
        "says where the model is off."
    )
    title = f"Errors of {name}"
    labels = (f"predicted {name}", "predicted - true")
    return Scatter(f"residuals_{name}", title, caption, *labels, x, y, "zero")


def _cumulated(truth, scores):
    """How many examples with and without a label pass each threshold, from none to all."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.inf))  # equal scores pass together
    found = np.cumsum(truth[order])[ends]
    return np.append(0, found), np.append(0, ends + 1 - found)


def thinned(x, y):
    """At most MOST_POINTS of a curve's points, both ends among them, as tuples."""
    places = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int))
    return tuple(x[places].tolist()), tuple(y[places].tolist())


def _sampled(x, y):
    """At most MOST_DOTS examples, spread evenly over their order, as tuples."""
    places = np.unique(np.linspace(0, len(x) - 1, MOST_DOTS).round().astype(int))
    return tuple(map(float, x[places])), tuple(map(float, y[places]))
