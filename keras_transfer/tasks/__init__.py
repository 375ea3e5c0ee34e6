"""What is predicted: one file a task, each with the same functions.

`tasks/NAME.py` has a frozen dataclass that derives from `Task` and calls it TASK; a file may also
have a frozen dataclass `Settings`, whose fields join the flags where the task is named.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from keras_transfer.config import find_in, names_in
from keras_transfer.tasks.common.protocol.exporting import Exporting
from keras_transfer.tasks.common.protocol.labels import LabelReading
from keras_transfer.tasks.common.protocol.scoring import Scoring
from keras_transfer.tasks.common.protocol.showing import Showing
from keras_transfer.tasks.common.protocol.training import Training


class HeadSettings(NamedTuple):
    """What a user may want of the layers after the base."""

    pooling: str = "avg"
    hidden_units: tuple[int, ...] = ()
    dropout: float = 0.0


class Task(LabelReading, Training, Scoring, Showing, Exporting):
    """One kind of prediction.

    Targets and predictions are an array (n, ...), or a tuple of arrays where a task has several.
    What is not defined here has to be by a task: `parse`, `from_labels`, `encode`, `build_head`,
    `loss`, `score`, `example_scores`, `agreement`, `difference`, `decode`, `to_json`.

    Attributes:
        outputs: names of the classes, labels or numbers.
    """

    outputs: tuple[str, ...]
    name: ClassVar[str]
    headline: ClassVar[str]  # the score to show first
    shown_scores: ClassVar[tuple[str, ...]] = ()  # what else a table shows, at most three
    output_names: ClassVar[tuple[str, ...]]  # of the model's outputs in exported files
    taps: ClassVar[tuple[int, ...]] = ()  # strides of the feature maps that the head wants
    head_steps: ClassVar[int] = 1000  # at least, to train a head on such maps ...
    head_rate: ClassVar[float] = 2e-3  # ... and its learning rate at the highest
    columns: ClassVar[tuple[str, ...]] = ()  # of a table, in place of `label`; rows then add up
    precedence: ClassVar[int] = 0  # of several tasks that fit some labels the highest is taken
    solver: ClassVar[str | None] = None  # of an exact linear head, in strategies.common.solvers
    strata_in_each_fold: ClassVar[bool] = False  # a class that a fold lacks cannot be learned there
    exact_scores: ClassVar[bool] = False  # example_scores are 0 or 1
    paired_score: ClassVar[str] = ""  # what example_scores' mean is called, if not the headline
    needs_geometry: ClassVar[bool] = False  # targets lie inside an example
    turned: ClassVar[bool] = True  # whether augmented views may turn an example
    preferred_inputs: ClassVar[dict] = {}  # settings of the modality, where the user says nothing
    tunes_whole_base: ClassVar[bool] = False  # features of early layers matter as well
    stages_below: ClassVar[int] = 0  # of a base, that are tuned below its usual part
    without_meaning: ClassVar[Mapping] = {}  # {setting: (its default, why it has no meaning)}
    kept_share: ClassVar[float] = 0.5  # of a tuning, unless another is clearly better
    probabilities: ClassVar[bool] = True  # predictions are some, 0 to 1
    tabular: ClassVar[bool] = True  # a prediction is a row of numbers, one an output
    judged_by_loss: ClassVar[bool] = True  # log_losses are what is trained on
    draws: ClassVar[bool] = False  # a prediction can be drawn into its example
    has_masks: ClassVar[bool] = False  # a prediction is a mask
    class_score: ClassVar[str] = "f1"  # of `per_class`, by which classes are compared
    column: ClassVar[str] = "p"  # how the columns of predictions.csv begin: probabilities
    alike_enough: ClassVar[float] = 0.95  # a file's agreement on blends of two training examples
    mediapipe: ClassVar[str] = ""  # the task of MediaPipe that runs its files, where there is one
    inferred_note: ClassVar[str] = ""  # a remark where the task was read off the labels


def find_task(name):
    """The class of the task called `name`; an unknown name is a UserError."""
    return find_in("tasks", "task", name).TASK


def load_task(spec):
    """The task of a trained model, from its ModelSpec."""
    task = find_task(spec.task).from_outputs(spec.outputs, **spec.task_settings)
    return task.decided(spec.thresholds.get("task") or {})


def infer_task(labels, are_names=False, numbers=()):
    """The class of the task that labels speak for; arguments as of `Task.fits`."""
    tasks = [find_task(name) for name in names_in("tasks")]
    if any(isinstance(label, list) for label in labels):  # rows of a task's own columns
        columns = next(label for label in labels if label)[0]
        return task_with_columns(columns)
    fitting = [task for task in tasks if task.fits(labels, are_names, numbers)]
    return max(fitting, key=lambda task: task.precedence)


def task_with_columns(columns, name="auto"):
    """The class of the task whose own columns are all among those of a table; None without one.

    Args:
        name: of the task that is wanted; of others the columns mean nothing.
    """
    tasks = [find_task(known) for known in names_in("tasks") if name in ("auto", known)]
    return next((t for t in tasks if t.columns and set(t.columns) <= set(columns)), None)


def make_task(name, labels, train, numbers: Any = ()):
    """The task `name` with its outputs read off `labels`; arguments as of `Task.from_labels`."""
    return find_task(name).from_labels(labels, train, numbers)
