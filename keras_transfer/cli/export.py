"""`keras-transfer export`: a run as files for servers and phones."""

import json
from dataclasses import dataclass
from typing import Literal

from keras_transfer.cli.command import BELOW_BAR, DONE, Talk, run_guarded


@dataclass(frozen=True, kw_only=True)
class ExportArguments(Talk):
    """Write a run in other formats into RUN/exports; each file is scored against the model."""

    model: str
    """A run folder."""
    format: tuple[str, ...] = ("saved_model", "tflite")
    """saved_model (a server: JPEG or PNG bytes, or pixels), tflite, tflite-float16, tflite-dynamic,
    tflite-int8 (phones: the smaller, the more they may lose), onnx, openvino, web, web-float16,
    web-int8 (a page for browsers)."""
    nms: Literal["outside", "inside"] = "outside"
    """Of a detection's TFLite files: whether boxes of the same object are merged by the app
    (MediaPipe does, at an IoU of 0.3 whatever their class), or inside the file as in training."""
    dynamic_size: bool = False
    """Files that take examples of any size and resize them themselves, where the format can."""
    data: str | None = None
    """Where the examples that the run learned from are now, if they have moved."""
    vendor: str | None = None
    """Of a page: the folder of MediaPipe's npm package, to lie beside it; else it is fetched from a
    CDN whenever the page is opened."""
    max_drop: float = 0.01
    """How much of the model's accuracy a file may lose, as far as its examples can tell."""


def main(arguments=None):
    """Parse, export, print; returns the exit code."""

    def work(asked):
        from keras_transfer.errors import UserError
        from keras_transfer.export.common.writing import any_size, postprocessed
        from keras_transfer.report.text import export_table
        from keras_transfer.run.folder import Run

        if not 0 <= asked.max_drop <= 1:  # also what is no number
            raise UserError("--max-drop is out of range", asked.max_drop, "Allowed: 0 to 1")
        run = Run.open(asked.model)
        formats = any_size(asked.format) if asked.dynamic_size else asked.format
        formats = postprocessed(formats) if asked.nms == "inside" else formats
        given = {"data": asked.data, "max_drop": asked.max_drop, "library": asked.vendor}
        found = run.export(*formats, **given)
        certificate = {**run.certificate, "files": found}
        print(json.dumps(certificate, indent=2) if asked.json else export_table(certificate))
        return DONE if all(entry["passed"] for entry in found.values()) else BELOW_BAR

    return run_guarded(work, ExportArguments, "keras-transfer export", arguments)
