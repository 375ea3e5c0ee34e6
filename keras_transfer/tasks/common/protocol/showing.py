"""What is shown of a task's predictions."""


class Showing:
    """From predictions to what people read, and what JSON holds."""

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

    def draw(self, pixels, prediction, geometry=None):
        """An example with its prediction in it, uint8 (height, width, 3); None of tasks whose
        predictions have no place there.

        Args:
            pixels: of the example, uint8 (height, width, 3), of any size: what the model sees, or,
                with its geometry, the raw example.
        """
        return None

    def draw_target(self, pixels, target):
        """The same with what is true; None."""
        return None

    def draw_errors(self, pixels, prediction, target):
        """What is right and wrong, as one or two such images of what the model sees; or none."""
        return ()

    def draw_legend(self):
        """(what `draw_errors` shows, in a sentence; {a name: its colour (r, g, b)})."""
        return "", {}

    def mask(self, prediction, geometry):
        """(numbers (height, width) of a raw example's pixels, a colour (r, g, b) for each number);
        None of tasks that predict none."""
        return None

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
