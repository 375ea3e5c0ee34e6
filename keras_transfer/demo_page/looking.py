"""What the demo page shows of one file; nothing here knows the page."""

from typing import Any, NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import UserError

UNSURE = "Unsure: of predictions that are so sure, more are wrong than was wanted."
UNLIKE = "Unlike training: the model has not learned from anything like this."


class Shown(NamedTuple):
    """One file.

    Attributes:
        predicted: as a person reads it.
        numbers: {name: probability or share}, the largest first; empty of other numbers.
        pixels: uint8 (height, width, 3), the example as a person sees it.
        overlay: the same with what was found in it, or with where the evidence lies; or None.
        remarks: lines that a person should read before believing it.
        error: why there is nothing else.
    """

    predicted: str = ""
    numbers: dict = {}  # noqa: RUF012
    pixels: Any = None
    overlay: Any = None
    remarks: tuple[str, ...] = ()
    error: str = ""


class Looking:
    """Looks at files with one model.

    Args:
        predictor: `run.predictor.Predictor`.

    Attributes:
        draws: whether there are overlays; explains: whether these are of the evidence.
    """

    def __init__(self, predictor):
        self.predictor = predictor
        self.explains = predictor.task.tabular and predictor.model is not None
        self.draws = self.explains or predictor.task.draws

    def __call__(self, file):
        """The Shown of a file."""
        drawn = []
        with progress.quietly(True):
            try:
                (found,) = self.predictor.predict([file], None, self._keep(drawn))
            except UserError as error:
                return Shown(error=str(error))
            if "error" in found:
                return Shown(error=found["error"])
            pixels, overlay = self._evidence(file) if self.explains else drawn[0]
        return Shown(found["predicted"], _numbers(found), pixels, overlay, _remarks(found))

    def _keep(self, drawn):
        """What `Predictor.predict` calls: puts (pixels, overlay) of the example into `drawn`."""
        predictor, task = self.predictor, self.predictor.task

        def keep(file, prediction, geometry):
            if self.explains:
                return
            whole = predictor.modality.load_whole(str(file), predictor.spec.inputs)
            pixels = np.asarray(whole.arrays)
            drawn.append((pixels, task.draw(pixels, prediction, geometry) if task.draws else None))

        return keep

    def _evidence(self, file):
        from keras_transfer.explain import explain_files
        from keras_transfer.explain.common.overlay import overlay

        (found,) = explain_files(self.predictor, [file])
        return found.pixels, overlay(found.pixels, found.map)


def _numbers(found):
    """{name: probability or share} of what `Predictor.predict` gives for one file."""
    if "boxes" in found:
        boxes = enumerate(found["boxes"], 1)
        return {f"{place} {box['label']}": box["score"] for place, box in boxes}
    numbers = found.get("probabilities") or found.get("shares") or {}
    return dict(sorted(numbers.items(), key=lambda pair: -pair[1]))


def _remarks(found):
    notes = (("unsure", UNSURE), ("unlike_training", UNLIKE))
    return tuple(text for name, text in notes if found.get(name))
