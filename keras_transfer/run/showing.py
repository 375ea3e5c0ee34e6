"""What a Run shows in a notebook."""

from html import escape

MOST = 12  # mistakes at once
SIDE = 160  # pixels
ROW = 4  # examples
SMALL = 2  # figures in a notebook's cell
COLUMN = "width: 24em; max-width: 100%; display: inline-block; margin-right: 2em"


class Showing:
    """The figures of a Run; each is a matplotlib Figure, which a notebook shows."""

    def plot_confusion(self):
        """How often each true class was predicted as each other."""
        return self._plot("confusion")

    def plot_history(self):
        """How it learned: losses of each epoch, or of each penalty of a linear head."""
        return self._plot("history")

    def plot_reliability(self):
        """How often predictions are right, against how sure the model was of them."""
        return self._plot("reliability")

    def _plot(self, name):
        from keras_transfer.figures.drawing import make_figure
        from keras_transfer.run.figures import find_figure

        return make_figure(find_figure(self, name))

    def show_mistakes(self, most=MOST, data=None):
        """The mistakes that the model was surest of; of numbers the largest errors.

        Args:
            most: how many; data: where the run's examples are now, if they have moved.

        Raises:
            UserError: the examples are gone.
        """
        from keras_transfer.figures.drawing import figure_class
        from keras_transfer.inputs import find_modality
        from keras_transfer.run.examples import find_references, worst
        from keras_transfer.run.scored import read_last_split

        scored, references = read_last_split(self), find_references(self, data)
        rows = scored.table.iloc[worst(scored, most)] if scored else ()
        modality = find_modality(self.config.modality)
        height = max(1, -(-len(rows) // ROW))
        figure = figure_class()(figsize=(2.4 * ROW, 2.6 * height), layout="constrained")
        for place, (_, row) in enumerate(rows.iterrows() if len(rows) else (), start=1):
            axes = figure.add_subplot(height, ROW, place)
            reference = references.get(row["path"])
            pixels = None if reference is None else modality.preview(reference, SIDE)
            if pixels is not None:
                axes.imshow(pixels)
            axes.set_axis_off()
            title = f"{row['path']}\ntrue {row['label']}, predicted {row['predicted']}"
            axes.set_title(title, fontsize=7, parse_math=False, wrap=True)
        return figure

    def _repr_html_(self):
        return f"<pre>{escape(repr(self))}</pre>{''.join(self._small_figures())}"

    def _small_figures(self):
        """The first figures of a finished run as HTML."""
        from keras_transfer.figures.svg import to_svg
        from keras_transfer.run.figures import figures_of

        if self.info.get("state") != "finished":
            return []
        figures = list(figures_of(self).values())
        chosen = [*figures[1 : SMALL + 1], *figures[:1]][:SMALL]
        shown = [(escape(figure.title), to_svg(figure)) for figure in chosen]
        return [f'<div style="{COLUMN}"><b>{title}</b>{svg}</div>' for title, svg in shown]
