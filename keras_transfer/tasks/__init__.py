"""What is predicted: one file a task, each with the same functions.

`tasks/NAME.py` has a frozen dataclass that derives from `Task` and calls it TASK; a file may also
have a frozen dataclass `Settings`, whose fields join the flags where the task is named.
"""

from dataclasses import fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from keras_transfer.config import find_in, names_in
from keras_transfer.errors import UserError


class HeadSettings(NamedTuple):
    """What a user may want of the layers after the base."""

    pooling: str = "avg"
    hidden_units: tuple[int, ...] = ()
    dropout: float = 0.0


class Task:
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
    columns: ClassVar[tuple[str, ...]] = ()  # of a table, in place of `label`; rows then add up
    precedence: ClassVar[int] = 0  # of several tasks that fit some labels the highest is taken
    solver: ClassVar[str | None] = None  # of an exact linear head, in strategies.common.solvers
    strata_in_each_fold: ClassVar[bool] = False  # a class that a fold lacks cannot be learned there
    exact_scores: ClassVar[bool] = False  # example_scores are 0 or 1
    paired_score: ClassVar[str] = ""  # what example_scores' mean is called, if not the headline
    needs_geometry: ClassVar[bool] = False  # targets lie inside an example
    turned: ClassVar[bool] = True  # whether augmented views may turn an example
    tunes_whole_base: ClassVar[bool] = False  # features of early layers matter as well
    kept_share: ClassVar[float] = 0.5  # of a tuning, unless another is clearly better
    probabilities: ClassVar[bool] = True  # predictions are some, 0 to 1
    tabular: ClassVar[bool] = True  # a prediction is a row of numbers, one an output
    column: ClassVar[str] = "p"  # how the columns of predictions.csv begin: probabilities
    inferred_note: ClassVar[str] = ""  # a remark where the task was read off the labels

    # --- labels, before anything is trained

    @classmethod
    def fits(cls, labels, are_names, numbers):
        """Whether labels speak for this task.

        Args:
            labels: str, or tuple of str, as they stand in the data.
            are_names: whether they are names of classes whatever they look like, as of folders.
            numbers: names of the numbers where each example has several of its own.
        """
        return False

    @classmethod
    def parse(cls, labels, shown, numbers=()):
        """Labels as the task wants them, checked one by one.

        Args:
            labels: as for `fits`; with `columns`, a list of {column: cell} an example, one a row.
            shown: the name of each example, for messages.
            numbers: as for `fits`.
        """
        raise NotImplementedError

    @classmethod
    def with_settings(cls, labels, config):
        """Labels as the task's own `Settings` want them.

        Args:
            labels: from `parse`; config: TrainConfig.
        """
        return labels

    @classmethod
    def check(cls, labels, in_train, splits, least=2, kept=()):
        """Refuse labels that cannot be learned from or fairly measured.

        Args:
            labels: from `parse`; in_train: bool mask (n,); splits: name of each one's split.
            least: training examples that each class needs.
            kept: names of classes that an earlier run learned, of which train needs none.
        """

    @classmethod
    def strata(cls, labels):
        """For each example the names of the strata whose shares a draw keeps; by default one."""
        return [("all",)] * len(labels)

    @classmethod
    def whole_columns(cls):
        """Columns of which no value may get lost with unreadable examples."""
        return ("split",)

    @classmethod
    def from_labels(cls, labels, train, numbers=()):
        """The task with its outputs read off labels; `train`: bool mask (n,), for scales."""
        raise NotImplementedError

    @classmethod
    def from_outputs(cls, outputs, **settings):
        """The task of a trained model: what its ModelSpec says."""
        return cls(tuple(outputs), **settings)

    @classmethod
    def has_exclusive_classes(cls):
        """Whether an example has one class, as `class_numbers` gives it."""
        return cls.class_numbers is not Task.class_numbers

    def check_settings(self, config):
        """Refuse settings without a meaning for this task, for example another task's, which
        `--task auto` offers as well.

        Args:
            config: TrainConfig with the task's own `Settings`.
        """
        for name in names_in("tasks"):
            settings = vars(find_in("tasks", "task", name)).get("Settings")
            for field in fields(settings) if settings and name != self.name else ():
                if vars(config).get(field.name, field.default) != field.default:
                    flag = "--" + field.name.replace("_", "-")
                    raise UserError(f"{flag} is for --task {name}", f"task {self.name}")

    def for_inputs(self, spec):
        """The task for a model that takes such examples.

        Args:
            spec: `inputs.InputSpec`.
        """
        return self

    def decided(self, thresholds):
        """The task with what `choose_thresholds` gave."""
        return self

    @classmethod
    def remarks(cls, label, geometry):
        """What a person should know of the label of an example: texts, each the same for all
        examples of which it is true.

        Raises: ExampleError where it makes the example useless.
        """
        return ()

    # --- training

    @property
    def settings(self):
        """What a trained model's file says of the task besides its outputs, as JSON takes it."""
        return {}

    def encode(self, labels, geometries=None):
        """Labels -> targets."""
        raise NotImplementedError

    def move(self, targets, movements):
        """Targets of augmented views; of those that lie inside an example.

        Args:
            movements: see `inputs.Modality.movements`.
        """
        return targets

    def one_hot(self, targets):
        """Targets that can be mixed."""
        return targets

    def class_numbers(self, targets):
        """The one class of each example, int64 (n,); None of tasks without exclusive classes."""
        return None

    def build_head(self, tensors, settings):
        """The layers after the base: its last feature map, or those at `taps` -> outputs."""
        raise NotImplementedError

    def linear_targets(self, targets):
        """Targets as an exact head is solved for: before what the output layer does to them."""
        return targets

    def from_linear(self, predictions):
        """Predictions of an exact head (n, k) as the output layer gives them."""
        return predictions

    def linear_losses(self, targets, predictions):
        """The loss of each example (n,) for these."""
        return self.log_losses(targets, predictions)

    def postprocess(self, outputs):
        """What the model gives for some examples (n, ...) as predictions (n, ...).

        Everything after it (scores, what is shown) works on these. They may be smaller: a list of
        boxes in place of a number for each place.
        """
        return outputs

    def loss(self, mixed=False, smoothing=0.0):
        """The Keras loss, one an output.

        Args:
            mixed: whether targets are what `one_hot` gives.
            smoothing: share of a label that is spread over all, for tasks that have labels.

        Raises: UserError for smoothing where there are none.
        """
        raise NotImplementedError

    def metrics(self, mixed=False):
        """Keras metrics to show while training."""
        return []

    def example_weights(self, targets):
        """Weights float32 (n,) with which each class counts alike; their mean is 1."""
        raise UserError("--class-weight balanced needs classes", self.name, "Leave it out")

    # --- how good it is

    def log_losses(self, targets, predictions):
        """The loss of each example (n,)."""
        raise NotImplementedError

    def brier_scores(self, targets, predictions):
        """A bounded error of each example (n,), by which training is judged."""
        return self.log_losses(targets, predictions)

    def metric(self, targets, predictions):
        """One number that says how good predictions are, for the history."""
        return float(self.example_scores(targets, predictions).mean())

    def tempered(self, predictions, temperature):
        """Predictions whose logits are divided by `temperature`; None where there are none."""
        return None

    def confidence(self, predictions):
        """How sure a model is of each prediction (n,), 0 to 1; None where it does not say."""
        return None

    def wrong(self, targets, predictions):
        """Whether each prediction is wrong, bool (n,); of tasks that have a `confidence`."""
        raise NotImplementedError

    def choose_thresholds(self, targets, predictions, config):
        """What this task decides by, chosen on examples that did not train: a dict for JSON.

        Args:
            config: TrainConfig with the task's own `Settings`.
        """
        return {}

    def score_thresholds(self, thresholds, targets, predictions, groups=None, seed=0):
        """Further scores of a split, of decisions by `thresholds` from `choose_thresholds`."""
        return {}

    def score(self, targets, predictions, groups=None, seed=0):
        """The scores of a split as `metrics.json` holds them, with intervals."""
        raise NotImplementedError

    def example_scores(self, targets, predictions):
        """How good the prediction for each example is (n,), at most 1; for paired tests."""
        raise NotImplementedError

    def agreement(self, expected, found):
        """How far two models predict the same for each example, 0 to 1 (n,)."""
        raise NotImplementedError

    def difference(self, expected, found):
        """The largest difference of two models' predictions, in units of their spread."""
        raise NotImplementedError

    # --- what is shown, and what files hold

    def figures(self, targets, predictions):
        """Figures of a split, those that say most first: a tuple of `evaluate.figures`."""
        return ()

    def carried_names(self, text):
        """Names of the outputs that an example carries; none of plain numbers.

        Args:
            text: its label, as `label_text` writes it.
        """
        return ()

    def decode(self, prediction):
        """The prediction for one example as a person reads it."""
        raise NotImplementedError

    def to_json(self, prediction, top=None, geometry=None):
        """The prediction for one example as JSON takes it; of many only the `top` likeliest.

        Args:
            geometry: of the example, where it is known; see `inputs.Modality.geometry`.
        """
        raise NotImplementedError

    def label_text(self, label):
        """A label as a person reads it."""
        return "|".join(map(str, label)) if isinstance(label, tuple) else label

    def read_labels(self, texts, shown):
        """The labels, as of `parse`, that `label_text` wrote; shown: names, for messages."""
        return self.parse(texts, shown)

    def check_known(self, labels):
        """Refuse labels that a trained model has never heard of."""

    def align(self, labels, numbers):
        """Labels in the order of the model's outputs, where they came in another."""
        return labels

    def reorder(self, predictions, names):
        """Predictions of a file whose outputs are called `names`, in the order of `outputs`."""
        if sorted(names) != sorted(self.outputs):
            return predictions
        return predictions[:, [names.index(name) for name in self.outputs]]

    def golden(self, targets, most):
        """Indices of at most so many examples that show what there is."""
        return np.arange(min(most, len(targets[0] if isinstance(targets, tuple) else targets)))

    def served(self, tf, predictions):
        """Further named outputs of a server's signature, as tensors."""
        return {}


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
