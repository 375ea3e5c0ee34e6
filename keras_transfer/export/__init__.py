"""Files for servers and phones: one module a format, each file checked before it is handed over."""

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from keras_transfer.environment import atomic_write, write_text
from keras_transfer.errors import UserError, unknown_name
from keras_transfer.export.certificate.difference import TOLERANCE, check_export
from keras_transfer.export.names import BESIDE, name_lines
from keras_transfer.export.onnx import export_onnx
from keras_transfer.export.openvino import export_openvino
from keras_transfer.export.saved_model import export_saved_model
from keras_transfer.export.tflite.floats import export_tflite
from keras_transfer.export.tflite.int8 import export_int8


class Format(NamedTuple):
    file_name: str  # in the folder of exports
    write: Callable  # (model, path, about, sample); what it answers, a dict, goes to the report
    exact: bool = True  # its logits are the model's, to TOLERANCE of their spread
    calibrated: bool = False  # writing it needs training images
    extra: str = ""  # of keras_transfer, that it needs


def _tflite(numbers):
    return functools.partial(export_tflite, numbers=numbers)


def _any_size(export):
    return functools.partial(export, any_size=True)


FORMATS = {
    "saved_model": Format("saved_model", export_saved_model),
    "tflite": Format("model.tflite", _tflite("float32")),
    "tflite-float16": Format("model-float16.tflite", _tflite("float16"), exact=False),
    "tflite-dynamic": Format("model-dynamic.tflite", _tflite("dynamic"), exact=False),
    "tflite-int8": Format("model-int8.tflite", export_int8, exact=False, calibrated=True),
    "onnx": Format("model.onnx", export_onnx, extra="onnx"),
    "openvino": Format("openvino", export_openvino, extra="openvino"),
    # images of any size in; `saved_model` has a signature for them
    "tflite-any-size": Format("model-any-size.tflite", _any_size(export_tflite)),
    "onnx-any-size": Format("model-any-size.onnx", _any_size(export_onnx), extra="onnx"),
    "openvino-any-size": Format("openvino-any-size", _any_size(export_openvino), extra="openvino"),
}


def export_model(model, format_name, folder, spec, pixels, expected, sample=None):
    """Write one format into `folder`, run it, and put it in place only if it answers alike.

    Args:
        model: one flat `keras.Model` of any precision.
        format_name: a key of FORMATS.
        folder: of exports; made if missing. What is there stays until the new file has passed.
        spec: `export.about.ModelSpec`; the names of the answers also go to `classes.txt`.
        pixels: uint8 (n, s, s, 3), the images to check with.
        expected: (n, k) what `float32_copy(model)` answers to them.
        sample: gives training images, uint8 (m, s, s, 3), that a quantised format is calibrated
            on.

    Returns:
        dict: path (Path), bytes, difference (see `check_export`), seconds, and what the format
        itself tells.

    Raises:
        UserError: unknown format, a model that the format cannot hold, a file that answers
            otherwise, a place that cannot be written.
    """
    if format_name not in FORMATS:
        raise unknown_name("export format", format_name, FORMATS)
    begun = time.monotonic()
    form = FORMATS[format_name]
    target = Path(folder) / form.file_name
    with atomic_write(target) as fresh:
        told = form.write(model, fresh, spec, sample) or {}
        difference = check_export(fresh, pixels, expected, spec.task)
        # of an inexact format the certificate decides; but what is no number is no answer
        if not difference <= (TOLERANCE if form.exact else sys.float_info.max):
            found = f"logits {difference:.2g} of their spread apart; allowed {TOLERANCE:g}"
            advice = "The file was not kept; please report this model"
            raise UserError(f"{form.file_name} does not answer as the model does", found, advice)
        size = _bytes(fresh)
    write_text(Path(folder) / BESIDE, name_lines(spec.outputs))
    seconds = time.monotonic() - begun
    report = {"path": target, "bytes": size, "difference": difference, "seconds": seconds}
    return {**report, **told}


def _bytes(path):
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
