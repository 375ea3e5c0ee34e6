"""Does an exported file answer as the model does? It is run as a stranger would run it."""

from pathlib import Path

import numpy as np

from keras_transfer.errors import UserError, unknown_name
from keras_transfer.export.names import ANSWERS
from keras_transfer.runtime import load_tensorflow, quiet_stderr

TOLERANCE = 1e-3  # of the spread of the logits
BATCH = 16  # pictures at once: VGG16 at 224 pixels then takes 0.4 GB in the interpreter
LEAST = 1e-30  # a probability under it is as good as none, and float32 ends at 1e-38
NEAR_ONE = 1e-4  # float32 holds 1 - p to 6e-8 only: nearer to 1, log-odds are rounding


def check_export(path, pixels, expected, task="classification"):
    """The largest difference between a file's logits and the model's, in units of their spread.

    Logits are log-probabilities less their mean over the classes (classification), log-odds
    (multilabel, up to p = 0.9999) or the numbers themselves, each target for itself (regression).
    Their spread is the largest minus the smallest expected one, over all pictures and classes; at
    least 1 % of the largest in size, so that numbers which hardly differ are not held to digits
    that float32 lacks.

    Args:
        path: a SavedModel folder or a .tflite file.
        pixels: uint8 (n, s, s, 3); pictures that differ: equal answers prove little.
        expected: (n, k) what the float32 model answers (of mixed precision: `float32_twin`).

    Returns:
        The difference, to be held against TOLERANCE; infinite for answers that are not finite or
        not of the expected shape.
    """
    if Path(path).is_dir():
        found = predict_saved_model(path, pixels)
    else:
        found = predict_tflite(path, pixels)
    return logit_difference(found, expected, task)


def logit_difference(found, expected, task):
    """As `check_export`, for answers (n, k) at hand."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    found, wanted = _logits(found, task), _logits(expected, task)
    axis = 0 if task == "regression" else None
    spread = np.maximum(np.ptp(wanted, axis=axis), 0.01 * np.abs(wanted).max(axis=axis))
    spread = np.where(spread > 0, spread, 1.0)
    return float((np.abs(found - wanted).max(axis=axis) / spread).max())


def _logits(answers, task):
    if task not in ANSWERS:
        raise unknown_name("task", task, ANSWERS)
    if task == "regression":
        return answers
    if task == "multilabel":
        likely = np.clip(answers, LEAST, 1 - NEAR_ONE)
        return np.log(likely) - np.log1p(-likely)
    logs = np.log(np.clip(answers, LEAST, None))
    return logs - logs.mean(axis=1, keepdims=True)


def predict_saved_model(path, pixels):
    """Answers float32 (n, k) of a SavedModel to uint8 pixels (n, s, s, 3), by `serve_arrays`.

    Raises:
        UserError: no SavedModel that `export_saved_model` wrote.
    """
    tf = load_tensorflow()
    try:
        with quiet_stderr():
            loaded = tf.saved_model.load(str(path))
        serve = loaded.signatures["serve_arrays"]
    except (OSError, KeyError, tf.errors.OpError) as error:
        raise UserError(f"{path} is no SavedModel of keras-transfer", error) from error
    answer = next(name for name in serve.structured_outputs if name in ANSWERS.values())
    parts = [serve(pixels=tf.constant(part))[answer].numpy() for part in _batches(pixels)]
    return np.concatenate(parts)


def predict_tflite(path, pixels, threads=None):
    """Answers float32 (n, k) of a TFLite file to pixels (n, s, s, 3), 0..255.

    Args:
        threads: of the interpreter; by default as many as it chooses.

    Raises:
        UserError: no TFLite file, or one for pictures of another size.
    """
    from ai_edge_litert.interpreter import Interpreter

    answers = []
    try:
        with quiet_stderr():  # it greets with the name of its delegate
            interpreter = Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, OSError) as error:
        raise UserError(f"{path} is no TFLite file", error) from error
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    size = tuple(map(int, source["shape"][1:]))
    if size != pixels.shape[1:]:
        raise UserError(f"{path} reads pictures of {size}", pixels.shape[1:], "Resize them")
    for part in _batches(pixels):
        if tuple(interpreter.get_input_details()[0]["shape"]) != part.shape:
            interpreter.resize_tensor_input(source["index"], part.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(source["index"], part.astype(np.float32))
        interpreter.invoke()
        answers.append(interpreter.get_tensor(target["index"]))
    return np.concatenate(answers)


def _batches(pixels):
    """The pixels in parts of at most BATCH; at least one, which may be empty."""
    return [pixels[row : row + BATCH] for row in range(0, max(1, len(pixels)), BATCH)]
