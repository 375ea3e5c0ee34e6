"""What the labels of a table mean: classes, several labels an example, or numbers to predict."""

import math
import numbers
import re
import unicodedata

from keras_transfer.errors import UserError, count, unknown_name

TASKS = ("classification", "multilabel", "regression")
MOST_NUMBER_CLASSES = 20  # whole numbers with at most so many values are classes
NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # all that ends a line among it
SEPARATOR = "|"  # between the labels of one example


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


def guess_task(labels, are_names):
    """The task that plain labels (see `plain_label`) speak for.

    Args:
        labels: a list of str or tuple of str.
        are_names: whether they are names of classes whatever they look like, as of folders.
    """
    if any(isinstance(label, tuple) for label in labels):
        return "multilabel"
    if are_names:
        return "classification"
    if any(SEPARATOR in label for label in labels):
        return "multilabel"
    values = {label: _number(label) for label in set(labels) - {""}}
    if not values or None in values.values():
        return "classification"
    whole = all(math.isfinite(value) and value.is_integer() for value in values.values())
    few = len(set(values.values())) <= MOST_NUMBER_CLASSES
    return "classification" if whole and few else "regression"


def typed_labels(labels, shown, task):
    """Plain labels as the task wants them: str, tuple of str, or finite float.

    Args:
        labels: a list of str or tuple of str.
        shown: the name of each example, for messages.
        task: one of TASKS.
    """
    if task not in TASKS:
        raise unknown_name("task", task, ("auto", *TASKS))
    if task == "multilabel":
        return [_label_set(label) for label in labels]
    empty = [name for label, name in zip(labels, shown, strict=True) if label in ("", ())]
    if empty:
        raise UserError(
            f"without a label: {count(len(empty), 'example')}",
            empty[0],
            "Fill the column; as --task multilabel an empty label means none of them",
        )
    if task == "regression":
        return [finite_number(label, name) for label, name in zip(labels, shown, strict=True)]
    if any(isinstance(label, tuple) for label in labels):
        raise UserError(
            "an example with several labels is no classification", "", "It is --task multilabel"
        )
    return list(labels)


def finite_number(label, name):
    """The number that a plain label of example `name` says; a UserError if it says none."""
    if isinstance(label, tuple):
        return tuple(finite_number(part, name) for part in label)
    value = _number(label)
    if value is None or not math.isfinite(value):
        raise UserError(
            f"the label of {name} is not a finite number",
            repr(label),
            "Correct it; labels that are names are --task classification",
        )
    return value


def infer_task(table, source=None):
    """The task of a table that `read_source` made: read off the type of its labels."""
    targets = source.targets if source is not None else ()
    first = table["label"].iloc[0] if len(table) else ""
    if targets or isinstance(first, float):
        return "regression"
    if isinstance(first, tuple):
        numeric = bool(first) and isinstance(first[0], float)
        return "regression" if numeric else "multilabel"
    return "classification"


def _label_set(label):
    """The distinct labels of one example, sorted; an empty label is none."""
    parts = label if isinstance(label, tuple) else label.split(SEPARATOR)
    return tuple(sorted({part.strip() for part in parts} - {""}))


def _number(label):
    try:
        return float(label)
    except ValueError:
        return None
