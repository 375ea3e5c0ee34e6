"""A TFLite file for phones and small machines: float32, raw pixels, names inside."""

from pathlib import Path

from keras_transfer.export.aside import write_text, written_aside
from keras_transfer.export.names import ANSWERS, BESIDE, append_names, name_lines
from keras_transfer.export.saved_model import require_tensorflow
from keras_transfer.export.twin import float32_twin
from keras_transfer.features.litert import convert


def export_tflite(model, path, outputs, task="classification"):
    """Write `model` as one TFLite file of built-in operations, and `classes.txt` beside it.

    Input `pixels`: float32 (1, s, s, 3), RGB 0..255; the batch may be resized. Output
    `probabilities` (`values` for a regression): float32 (1, k). The names are inside too, as
    `labels.txt` in a zip at the end, where TFLite's tools look for them. Equal models give equal
    files.

    Args:
        model: one flat `keras.Model`; one of mixed precision is written as its float32 twin.
        path: of the file; one that is there is replaced once the new one is whole.
        outputs: names of the k answers.

    Raises:
        UserError: another backend than TensorFlow, an operation that TFLite lacks (named), a
            place that cannot be written.
    """
    require_tensorflow()
    data = append_names(convert(float32_twin(model), ANSWERS[task]), outputs)
    with written_aside(path) as fresh:
        fresh.write_bytes(data)
    write_text(Path(path).parent / BESIDE, name_lines(outputs))
