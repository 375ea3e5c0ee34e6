"""What a run's numbers say, in sentences; each stands only where the numbers support it."""

from typing import Any, NamedTuple

from keras_transfer.errors import count
from keras_transfer.evaluate.unsure import is_useful
from keras_transfer.report.advice import ADVICE
from keras_transfer.report.numbers import ends, in_percent, number, spaced, threshold

ALIKE = 0.03  # of a score: classes nearer than this are not called better or worse


class Facts(NamedTuple):
    """What sentences are made of.

    Attributes:
        split: the split that is described; scores: its scores, as in `metrics.json`.
        others: {split: scores} of those before it.
        headline: the name of the score to show first.
        training: {name of a class or label: examples in train}; empty for numbers.
        duplicates: of `data.splits.find_duplicates`.
        skipped: examples that could not be read.
        class_score: of `per_class`, by which classes are compared.
        history: rows of `history.csv`, dicts.
        reliability: `reliability.json`; config: TrainConfig; certificate: `certificate.json`.
    """

    split: str
    scores: dict[str, Any]
    others: dict[str, dict[str, Any]]
    headline: str
    training: dict[str, int]
    duplicates: list
    skipped: int
    class_score: str
    history: list
    reliability: dict[str, Any]
    config: Any
    certificate: dict[str, Any]


def summarise(facts):
    """(what it is good at, where it fails, what to do next): lists of sentences."""
    return tuple(
        [sentence for rule in rules for sentence in [rule(facts)] if sentence]
        for rules in (STRENGTHS, WEAKNESSES, ADVICE)
    )


def in_words(score):
    """A score with its interval."""
    both = ends(score)
    return number(score["value"]) + (f" (95 % interval {both})" if both else "")


def headline(facts):
    score = facts.scores[facts.headline]
    if score["value"] is None:
        return None
    name, n = spaced(facts.headline), count(facts.scores["n"], "example")
    if facts.scores.get("cross_validated"):
        selected = "each predicted by a model that had not seen it (cross-validation)"
    elif facts.split == "train":
        selected = "which it learned from, so this says nothing of new ones"
    elif facts.scores["used_for_selection"]:
        selected = "which also selected something: expect less of new ones"
    else:
        selected = "which neither trained nor selected anything"
    return f"On {n} of {facts.split}, {selected}, {name} is {in_words(score)}."


def mean_error(facts):
    error = facts.scores.get("mae")
    return error and f"Its predictions are off by {in_words(error)} on average."


def best_classes(facts):
    ranked = _ranked(facts)
    if len(ranked) < 2 or ranked[0][1] - ranked[-1][1] < ALIKE:
        every = "Both" if len(ranked) == 2 else f"All {len(ranked)}"
        return f"{every} classes do about equally well." if len(ranked) > 1 else None
    first = [pair for pair in ranked[:2] if pair[1] - ranked[-1][1] >= ALIKE]
    return f"Best at {' and '.join(_in_class(facts, name) for name, _ in first)}."


def sure_enough(facts):
    unsure = facts.reliability.get("unsure")
    if not unsure or not unsure["useful"]:
        return None
    held = facts.scores.get("unsure", unsure)  # measured on this split, else where it was chosen
    if not is_useful(held) or _more_wrong(unsure, held):
        return None
    share, error = (in_percent(held[score]["value"]) for score in ("coverage", "error"))
    return (
        f"Of the {share} of predictions with a confidence of at least "
        f"{threshold(unsure['threshold'])}, {error} are wrong; the rest can be called unsure."
    )


def worst_class(facts):
    ranked = _ranked(facts)
    if len(ranked) < 2 or ranked[0][1] - ranked[-1][1] < ALIKE:
        return None
    name = ranked[-1][0]
    found = facts.scores["per_class"][name]
    if "precision" not in found:
        return f"Weakest at {_in_class(facts, name)}."
    hits, precision = round(found["recall"] * found["n"]), found["precision"]
    text = f"Weakest at {_in_class(facts, name)}: {hits} of {found['n']} are found"
    if precision is None:
        return f"{text}."
    return f"{text}, and {in_percent(precision)} of those called {name} are right."


def confused_pair(facts):
    confusion = facts.scores.get("confusion")
    if not confusion:
        return None
    names = list(facts.scores["per_class"])
    wrong = [
        (number, row, column)
        for row, numbers in enumerate(confusion)
        for column, number in enumerate(numbers)
        if row != column and number
    ]
    if not wrong:
        return None
    number, row, column = max(wrong, key=lambda one: one[0])
    times = f"{number} of {sum(confusion[row])} times"
    return f"Most often confused: {names[row]} taken for {names[column]}, {times}."


def too_sure(facts):
    unsure, held = facts.reliability.get("unsure"), facts.scores.get("unsure")
    if not unsure or not held or not _more_wrong(unsure, held):
        return None
    wrong, allowed = in_percent(held["error"]["value"]), in_percent(unsure["error_rate"])
    return (
        f"Too sure of itself: {wrong} of the predictions of {facts.split} that it calls sure are "
        f"wrong, where at most {allowed} were to be, and that is more than chance."
    )


def harder_split(facts):
    score = facts.scores[facts.headline]
    for split, scores in facts.others.items():
        other = scores[facts.headline]
        # one that selected something looks better for that alone
        if scores["used_for_selection"] or None in (score["high"], other["low"]):
            continue
        if score["high"] >= other["low"]:
            continue
        return (
            f"The split {facts.split} is harder than {split} ({score['value']:.3f} against "
            f"{other['value']:.3f}, more than chance): its examples may differ from those in train."
        )
    return None


STRENGTHS = (headline, mean_error, best_classes, sure_enough)
WEAKNESSES = (harder_split, too_sure, worst_class, confused_pair)


def _more_wrong(unsure, held):
    """Whether more of what is sure is wrong than was allowed, by more than chance."""
    low = held["error"]["low"]
    return low is not None and low > unsure["error_rate"]


def _ranked(facts):
    """(class, score) from the best to the worst; without those that have none."""
    classes = facts.scores.get("per_class", {})
    found = [
        (name, values[facts.class_score] or 0.0) for name, values in classes.items() if values["n"]
    ]
    return sorted(found, key=lambda pair: -pair[1])


def _in_class(facts, name):
    """A class with its score."""
    values, score = facts.scores["per_class"][name], facts.class_score
    both = ends(values.get("intervals", {}).get(score))
    return f"{name} ({spaced(score)} {values[score] or 0:.3f}{f', {both}' if both else ''})"
