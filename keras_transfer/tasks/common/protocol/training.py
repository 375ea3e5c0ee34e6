"""What a task does while a model trains: targets, the head, the loss."""

from keras_transfer.errors import UserError


class Training:
    """From labels to targets, and from feature maps to outputs."""

    @property
    def settings(self):
        """What a trained model's file says of the task besides its outputs, as JSON takes it."""
        return {}

    def encode(self, labels, geometries=None):
        """Labels -> targets."""
        raise NotImplementedError

    def target_notes(self, targets):
        """What a person should know of the targets of train before hours of training: texts."""
        return ()

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

    @classmethod
    def has_exclusive_classes(cls):
        """Whether an example has one class, as `class_numbers` gives it."""
        return cls.class_numbers is not Training.class_numbers

    @classmethod
    def usual_part(cls, base):
        """What is tuned of a base where the user says nothing: a stage and all above, or "all".

        Args:
            base: its row, a `bases.table.Base`.
        """
        return "all" if cls.tunes_whole_base else base.part(cls.stages_below)

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
