"""A TFLite file for phones and small machines: float32, raw pixels, names inside."""

import re
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.export.aside import write_text, written_aside
from keras_transfer.export.names import ANSWERS, BESIDE, append_names, name_lines
from keras_transfer.export.saved_model import require_tensorflow
from keras_transfer.export.twin import float32_twin
from keras_transfer.runtime import load_tensorflow, quiet_stderr


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


def convert(model, answer="probabilities"):
    """The flatbuffer (bytes) of a float32 model; UserError for an operation TFLite lacks.

    The converter gets the traced function and its variables, and writes a SavedModel of its own.
    With the weights as constants small networks take 1 s in place of 2.5, but VGG16 with two
    hidden layers of 4096 takes 80 s and 17 GB in place of 16 s and 5 GB.
    """
    tf = load_tensorflow()
    size = model.input_shape[1]
    signature = tf.TensorSpec((None, size, size, 3), tf.float32, name="pixels")
    serve = tf.function(lambda pixels: {answer: model(pixels, training=False)})
    with quiet_stderr():
        traced = serve.get_concrete_function(signature)
    data, error = _convert_quietly(tf, traced, [weight.value for weight in model.weights])
    if error is not None:
        raise _cannot_convert(error)
    return data


def _convert_quietly(tf, traced, weights):
    """(bytes, None), or (None, the converter's error): its hundreds of lines are held back."""
    from tensorflow.lite.python.convert import ConverterError

    holder = tf.Module()
    holder.weights = weights
    with quiet_stderr():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], holder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            return converter.convert(), None
        except ConverterError as error:
            return None, error


def _cannot_convert(error):
    text = str(error)
    listed = re.search(r"(?:Flex|Custom) ops: ([\w, ]+)", text)
    found = listed.group(1).replace("Flex", "") if listed else text.strip().splitlines()[0]
    advice = "Export this model as a SavedModel, or build it without this layer"
    return UserError("TFLite has no such operation", found, advice)
