"""What is predicted: one file a task, each with the same few answers."""

from keras_transfer.errors import unknown_name
from keras_transfer.tasks.classification import Classification
from keras_transfer.tasks.multilabel import Multilabel
from keras_transfer.tasks.regression import Regression

TASKS = {task.name: task for task in (Classification, Multilabel, Regression)}


def find_task(name):
    """The class of the task called `name`; an unknown name is a UserError."""
    if name not in TASKS:
        raise unknown_name("task", name, TASKS)
    return TASKS[name]


def make_task(name, labels, train, targets=()):
    """The task `name` with its outputs read off `labels`.

    Args:
        name: classification, multilabel or regression.
        labels: one label an example: a string, a tuple of strings, a number or several.
        train: boolean mask over `labels`; scales are measured on these alone.
        targets: names of the numbers that a regression predicts.
    """
    return find_task(name).from_labels(labels, train, targets)
