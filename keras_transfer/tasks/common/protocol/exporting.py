"""What a task's models give in exported files."""

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.tasks.common.phone_metadata import PhoneMetadata, PhoneOutput

# forms of a file's outputs, see `Task.form_of`
DECODED, POSTPROCESSED, APP = "decoded", "postprocessed", "app"


class Exporting:
    """From a model to files: their outputs, and what phones are to know of these."""

    def form_of(self, form):
        """The task of a file whose outputs have another form than phones read.

        Args:
            form: DECODED, what servers read; POSTPROCESSED, predictions, as `postprocess` gives
                them: a UserError of tasks without; APP, as MediaPipe predicts what `predict` does.
        """
        if form == POSTPROCESSED:
            raise UserError("--nms inside is for files that find boxes", f"task {self.name}")
        return self

    def export_model(self, model):
        """The network behind an exported file: a `keras.Model`, or `model` itself."""
        return model

    def finish_in_graph(self, tf, outputs):
        """The outputs of a file, a list in the order of `output_names`, from those of
        `export_model`, by TensorFlow's operations alone."""
        return outputs

    @property
    def one_by_one(self):
        """Whether `finish_in_graph` takes one example at a time."""
        return False

    @property
    def shown_from(self):
        """The probability from which on something is predicted; None where the likeliest is."""
        return None

    def phone_metadata(self):
        """PhoneMetadata of a file; None where phones have no schema for such outputs."""
        if not self.tabular:
            return None
        scaled = self.probabilities
        text = "One number a name"
        output = PhoneOutput(self.output_names[0], text, labels="axis", scaled=scaled)
        return PhoneMetadata((output,))

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
