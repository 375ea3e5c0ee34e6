"""The scores of one split, as `metrics.json` holds them: one function a task.

Each score that has an interval is a function of weights (draws, n), how often each example
counts, to one value a draw. Weights of 1 give the score itself, so that a score and its
bootstrap cannot come from two formulas. tests/test_scores.py holds them against scikit-learn.
"""

import numpy as np

from keras_transfer.errors import UserError, unknown_name
from keras_transfer.evaluate.intervals import bootstrap, has_groups, wilson

LEAST_PROBABILITY = 1e-7  # the log of less is not taken; what Keras's losses use
HEADLINES = {
    "classification": "accuracy",
    "multilabel": "macro_average_precision",
    "regression": "r2",
}


def headline(task):
    """The name of the score to show first for a task."""
    if task not in HEADLINES:
        raise unknown_name("task", task, HEADLINES)
    return HEADLINES[task]


def score_split(task, labels, predictions, outputs, groups=None, seed=0, threshold=0.5):
    """The scores of one split; `used_for_selection` is the caller's to add.

    Intervals are 95 %: Wilson's for accuracy, a bootstrap of 1000 draws for the rest and, where
    `groups` holds fewer groups than examples, for accuracy too. Draws are not stratified: a class
    that a draw misses is skipped of that draw's mean over classes. What is undefined (the R2 of
    one example, the precision of a class never predicted) is None.

    Args:
        task: classification, multilabel or regression.
        labels: class numbers (n,), 0/1 (n, k) or numbers (n, t); (n,) does for one target.
        predictions: probabilities (n, k) or numbers (n, t).
        outputs: names of classes, labels or targets.
        groups: (n,) names of what belongs together, or None.
        threshold: multilabel: a label is predicted at this probability or above.

    Returns:
        A dict of Python numbers that JSON can hold. `loss` is the mean cross-entropy, binary
        cross-entropy (mean over labels too) or squared error in the unit of the targets.

    Raises:
        UserError: an unknown task, predictions that are not finite.
        ValueError: shapes that do not belong together.
    """
    headline(task)
    labels = np.asarray(labels)
    predictions = np.asarray(predictions, dtype=np.float64)
    if task == "regression":
        labels, predictions = _columns(labels.astype(np.float64)), _columns(predictions)
    n, width = len(labels), len(outputs)
    fitting = (n,) if task == "classification" else (n, width)
    if predictions.shape != (n, width) or labels.shape != fitting:
        raise ValueError(f"labels {labels.shape} and predictions {predictions.shape} do not fit")
    _refuse_broken_numbers(predictions)
    names = [str(name) for name in outputs]
    draw = _Draws(n, groups if has_groups(groups, n) else None, seed)
    if task == "classification":
        return _classification(labels.astype(np.int64), predictions, names, draw)
    if task == "multilabel":
        return _multilabel(labels > 0.5, predictions, names, draw, threshold)
    return _regression(labels, predictions, names, draw)


def _columns(numbers):
    """(n,) as (n, 1); (n, t) as it is."""
    return numbers[:, None] if numbers.ndim == 1 else numbers


class _Draws:
    """Turns a statistic over weights into {value, low, high} for n examples."""

    def __init__(self, n, groups, seed):
        self.n, self.groups, self.seed = n, groups, seed

    def value(self, statistic):
        """The scores themselves, a list: every example counts once."""
        if self.n == 0:
            return [None] * np.size(statistic(np.ones((1, 0))))
        return [_number(value) for value in np.ravel(statistic(np.ones((1, self.n))))]

    def score(self, statistic):
        """A list of {value, low, high}, one a score of the statistic.

        The percentile interval of a biased score can miss the score; it is then widened to it.
        """
        ends = bootstrap(statistic, self.n, self.groups, self.seed)
        return [_score(value, *end) for value, end in zip(self.value(statistic), ends, strict=True)]


def _score(value, low, high):
    if value is None:
        low = high = None
    elif low is not None:
        low, high = min(low, value), max(high, value)
    return {"value": value, "low": low, "high": high}


def _number(value):
    """A Python float, None for what is undefined."""
    return float(value) if np.isfinite(value) else None


def _share(part, whole):
    """part / whole, NaN where whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _mean_defined(values):
    """Mean over the last axis of what is defined, NaN where nothing is."""
    defined = ~np.isnan(values)
    return _share(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def _refuse_broken_numbers(predictions):
    broken = int((~np.isfinite(predictions).all(axis=1)).sum())
    if broken:
        found = f"for {broken} of {len(predictions)} examples"
        advice = "Training has run away: try a lower --learning-rate, or --precision float32"
        raise UserError("the model's answers are not finite numbers", found, advice)


def _classification(labels, predictions, names, draw):
    n, width = predictions.shape
    predicted = predictions.argmax(axis=1) if n else np.zeros(0, dtype=np.int64)
    right = predicted == labels

    def counts(weights):
        """Examples of a class, examples predicted as it, both: each (draws, classes)."""
        hits = _sum_by_class(weights[:, right], labels[right], width)
        return (
            _sum_by_class(weights, labels, width),
            _sum_by_class(weights, predicted, width),
            hits,
        )

    def accuracy(weights):
        return _share(weights[:, right].sum(axis=1), weights.sum(axis=1))

    def class_means(weights):
        support, claimed, hits = counts(weights)
        f1 = _share(2 * hits, support + claimed)
        return np.stack([_mean_defined(_share(hits, support)), _mean_defined(f1)], axis=1)

    balanced, f1_macro = draw.score(class_means)
    if draw.groups is None:
        (value,), ends = draw.value(accuracy), wilson(int(right.sum()), n)
        shown = _score(value, *ends)
    else:
        (shown,) = draw.score(accuracy)
    likely = np.maximum(predictions[np.arange(n), labels], LEAST_PROBABILITY)
    confusion = np.bincount(labels * width + predicted, minlength=width * width)
    return {
        "n": n,
        "loss": _number(-np.log(likely).mean()) if n else None,
        "accuracy": shown,
        "balanced_accuracy": balanced,
        "f1_macro": f1_macro,
        "per_class": _per_class(names, *(part[0] for part in counts(np.ones((1, n))))),
        "confusion": confusion.reshape(width, width).tolist(),
    }


def _sum_by_class(weights, numbers, width):
    """Weights (draws, n) summed over the examples of each class: (draws, width).

    Sorted sums cost draws x n whatever the number of classes; a product with one-hot rows would
    take minutes for a thousand classes.
    """
    sums = np.zeros((len(weights), width))
    present, starts = np.unique(np.sort(numbers), return_index=True)
    if len(present):
        ordered = weights[:, np.argsort(numbers, kind="stable")]
        sums[:, present] = np.add.reduceat(ordered, starts, axis=1)
    return sums


def _per_class(names, support, claimed, hits):
    precision, recall = _share(hits, claimed), _share(hits, support)
    f1 = _share(2 * hits, support + claimed)
    return {
        name: {
            "n": int(support[row]),
            "precision": _number(precision[row]),
            "recall": _number(recall[row]),
            "f1": _number(f1[row]),
        }
        for row, name in enumerate(names)
    }


def _multilabel(labels, predictions, names, draw, threshold):
    n = len(labels)
    predicted = predictions >= threshold
    carried = labels.any(axis=0)
    ranks = [_Ranking(labels[:, c], predictions[:, c]) for c in range(len(names))]

    def average_precision(weights):
        """(draws, labels)"""
        return np.stack([rank.average_precision(weights) for rank in ranks], axis=1)

    def f1(weights):
        both = weights @ (labels & predicted)
        total = weights @ labels + weights @ predicted
        # as in the mean average precision: a label that no drawn example carries has no say
        return np.where(weights @ labels > 0, _share(2 * both, total), np.nan)

    def label_means(weights):
        means = [_mean_defined(average_precision(weights)), _mean_defined(f1(weights))]
        return np.stack(means, axis=1)

    mean_precision, f1_macro = draw.score(label_means)
    likely = np.clip(predictions, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    entropy = -np.where(labels, np.log(likely), np.log1p(-likely))
    counts = (part.sum(axis=0) for part in (labels, predicted, labels & predicted))
    per_class = _per_class(names, *counts)
    for name, value in zip(names, draw.value(average_precision), strict=True):
        per_class[name]["average_precision"] = value
    return {
        "n": n,
        "loss": _number(entropy.mean()) if n else None,
        "macro_average_precision": mean_precision,
        "f1_macro": f1_macro,
        "threshold": float(threshold),
        "labels_without_examples": [
            name for name, seen in zip(names, carried, strict=True) if not seen
        ],
        "per_class": per_class,
    }


class _Ranking:
    """The examples in the order of one label's probability: sorted once for all draws."""

    def __init__(self, truth, scores):
        self.order = np.argsort(-scores, kind="stable")
        ordered = scores[self.order]
        self.positive = np.flatnonzero(truth[self.order])
        # examples with one probability pass the threshold together: count to the last of them
        last = np.searchsorted(-ordered, -ordered[self.positive], side="right") - 1
        self.last = last.astype(np.int64)
        self.positive_last = np.searchsorted(self.positive, self.last, side="right") - 1

    def average_precision(self, weights):
        """Weights (draws, n) -> (draws,): the precision at each example that carries the label,
        averaged; what scikit-learn's average_precision_score gives."""
        if not len(self.positive):
            return np.full(len(weights), np.nan)
        ordered = weights[:, self.order]
        carrying = ordered[:, self.positive]
        above = np.cumsum(ordered, axis=1)[:, self.last]
        right = np.cumsum(carrying, axis=1)[:, self.positive_last]
        precision = np.divide(right, above, out=np.zeros_like(above), where=above > 0)
        return _share((carrying * precision).sum(axis=1), carrying.sum(axis=1))


def _regression(labels, predictions, names, draw):
    n, width = labels.shape
    error = predictions - labels
    floor = n * (1e-12 * np.abs(labels).max(axis=0, initial=0.0)) ** 2

    def errors(weights):
        """Mean absolute error, root mean squared error, R2: (draws, 3, targets)."""
        total = weights.sum(axis=1)[:, None]
        absolute, squared = weights @ np.abs(error), weights @ error**2
        mean = _share(weights @ labels, np.broadcast_to(total, absolute.shape))
        spread = np.stack(
            [(weights * (labels[:, t] - mean[:, t, None]) ** 2).sum(axis=1) for t in range(width)],
            axis=1,
        )
        whole = np.broadcast_to(total, absolute.shape)
        # numbers that are all equal have no spread to explain: what is left is rounding
        explained = 1 - _share(squared, np.where(spread > floor, spread, 0.0))
        return np.stack([_share(absolute, whole), np.sqrt(_share(squared, whole)), explained], 1)

    def means(weights):
        return _mean_defined(errors(weights))

    mae, rmse, r2 = draw.score(means)
    scores = {"n": n, "loss": _number((error**2).mean()) if n else None}
    scores |= {"mae": mae, "rmse": rmse, "r2": r2}
    if width > 1:
        rows = np.reshape(draw.value(errors), (3, width))
        scores["per_target"] = {
            name: dict(zip(("mae", "rmse", "r2"), rows[:, t].tolist(), strict=True))
            for t, name in enumerate(names)
        }
    return scores
