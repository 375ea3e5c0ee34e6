"""TFLite files for phones and small machines: raw pixels in, names and metadata inside."""

from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.export.names import ANSWERS
from keras_transfer.export.saved_model import require_tensorflow
from keras_transfer.export.tflite.float16_weights import to_float16_weights
from keras_transfer.export.tflite.metadata import add_metadata, append_files
from keras_transfer.model.float32_copy import float32_copy
from keras_transfer.runtimes.litert import convert_traced, trace


def export_tflite(model, path, spec, sample=None, numbers="float32", any_size=False):
    """Write `model` as one TFLite file of built-in operations.

    Input `pixels`: float32 (1, s, s, 3), RGB 0..255; the batch may be resized. Output
    `probabilities` (`values` for a regression): float32 (1, k). Names, what the answers mean and
    the metadata of MediaPipe Tasks are inside (`export.metadata`). Equal models give equal files.

    Args:
        model: one flat `keras.Model`; one of mixed precision is written as its float32 copy.
        path: of the file to make.
        spec: `export.about.ModelSpec`.
        sample: not asked for here.
        numbers: what the weights are stored as: float32, float16 (half the size; computed in
            float32; see `export.halves`), or dynamic (int8: a quarter; what suits is computed
            in int8).
        any_size: the input is (1, height, width, 3), resized inside without antialiasing.

    Raises:
        UserError: another backend than TensorFlow, an operation that TFLite lacks (named).
    """
    require_tensorflow()
    if any_size:
        require_squeeze(spec)
    float32_model = float32_copy(model)
    traced = trace(float32_model, ANSWERS[spec.task], any_size)
    data = convert_traced(traced, float32_model.weights, _dynamic if numbers == "dynamic" else None)
    data = to_float16_weights(data) if numbers == "float16" else data
    # MediaPipe loads a file for any size and then takes it for one of a single pixel: with names
    # but without metadata it refuses
    write = append_files if any_size else add_metadata
    Path(path).write_bytes(write(data, spec))


def require_squeeze(spec):
    """Refuse a file that resizes itself where the model was trained on cut or padded squares."""
    if spec.resize != "squeeze":
        advice = "The saved_model resizes as in training: take its signature serve_any_size"
        raise UserError("a file for any size squeezes images", f"--resize {spec.resize}", advice)


def _dynamic(tf, converter):
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
