"""Labels as they stand in tables, folders and arrays, made plain."""

import math
import numbers
import re
import unicodedata

from keras_transfer.errors import UserError, count

NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # all that ends a line among it
SEPARATOR = "|"  # between the labels of one example
NAMES_SHOWN = 5


def plain_label(value):
    """A label as it stands in a table, made a str, or a tuple of str for a list of labels.

    An empty cell is "". Whole numbers lose their ".0": 1, 1.0 and "1" are one class.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return str(bool(value))
    if isinstance(value, numbers.Real):
        number = float(value)
        if math.isnan(number):
            return ""  # pandas' mark of an empty cell
        return str(int(number)) if number.is_integer() else repr(number)
    if hasattr(value, "tolist") and getattr(value, "ndim", 0):
        value = value.tolist()
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(plain_label(part) for part in value)
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    return plain_label(str(value))


def one_line(text):
    """A name as text of one line: composed (NFC), and line breaks and the like made spaces."""
    return NO_TEXT.sub(" ", unicodedata.normalize("NFC", text)).strip()


def refuse_empty(labels, shown):
    """A UserError where an example has no label."""
    empty = [name for label, name in zip(labels, shown, strict=True) if label in ("", ())]
    if empty:
        raise UserError(
            f"without a label: {count(len(empty), 'example')}",
            empty[0],
            "Fill the column; as --task multilabel an empty label means none of them",
        )


def refuse_several(numbers, task):
    """A UserError where each example has several numbers and the task takes none."""
    if numbers:
        raise UserError("several numbers an example are a regression", f"--task {task}")


def check_classes(labels, in_train, splits, least=2, kept=()):
    """Refuse label names that train lacks, or has too rarely.

    Args:
        labels: a tuple of names each; in_train: bool mask; splits: name of each one's split.
        least: training examples that each name needs, 1 or 2.
        kept: names that train may lack.
    """
    counts = _counts(names for names, inside in zip(labels, in_train, strict=True) if inside)
    for split in ("val", "test"):
        here = _counts(names for names, s in zip(labels, splits, strict=True) if s == split)
        unseen = sorted(set(here) - set(counts) - set(kept))
        if unseen:
            advice = "Add training examples of them, leave those out, or take --split-by class"
            if all(name.isdigit() for name in counts):
                advice = "If these are amounts, not classes, add --task regression"
            raise UserError(f"labels in {split} that train lacks", some(unseen), advice)
    scarce = sorted(name for name, number in counts.items() if number < least)
    if scarce:
        advice = "Each class needs two or more: add some, or take --strategy few_shot"
        raise UserError("classes with a single training example", some(scarce), advice)


def check_known_names(labels, outputs):
    """Refuse names that are none of a model's outputs; `labels`: a tuple of names each."""
    unknown = sorted({name for names in labels for name in names} - set(outputs))
    if unknown:
        known = f"It knows: {', '.join(outputs[:20])}"
        raise UserError("labels that the model does not know", some(unknown), known)


def some(names):
    """The first few of some names, and how many more there are."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _counts(labels):
    counts = {}
    for names in labels:
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    return counts


def named(names, values):
    """{name: value}, rounded to six digits behind the point."""
    return {name: round(float(value), 6) for name, value in zip(names, values, strict=True)}
