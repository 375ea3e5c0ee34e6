"""What a task does with labels, before anything is trained."""

from dataclasses import fields

from keras_transfer.config import find_in, names_in
from keras_transfer.errors import UserError, flag_of


class LabelReading:
    """From the cells of a table to labels that can be learned from."""

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

    def check_settings(self, config):
        """Refuse settings without a meaning for this task: those of `without_meaning`, and another
        task's, which `--task auto` offers as well.

        Args:
            config: TrainConfig with the task's own `Settings`.
        """
        given = vars(config)
        for name, (default, reason) in self.without_meaning.items():
            if given.get(name, default) != default:
                what = f"{flag_of(name)} has no meaning for --task {self.name}"
                raise UserError(what, given[name], reason)
        for name in names_in("tasks"):
            settings = vars(find_in("tasks", "task", name)).get("Settings")
            for field in fields(settings) if settings and name != self.name else ():
                if given.get(field.name, field.default) != field.default:
                    what = f"{flag_of(field.name)} is for --task {name}"
                    raise UserError(what, f"task {self.name}")

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
