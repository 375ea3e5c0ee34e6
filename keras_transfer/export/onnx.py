"""An ONNX file for servers without TensorFlow: uint8 pixels in, names inside."""

import logging
from pathlib import Path

from keras_transfer.backend import load_tensorflow, quiet_stderr
from keras_transfer.errors import UserError
from keras_transfer.export.names import ANSWERS, name_lines
from keras_transfer.export.saved_model import require_tensorflow
from keras_transfer.export.tflite.floats import require_squeeze
from keras_transfer.model.float32_copy import float32_copy
from keras_transfer.model.spec import MEMBER, spec_to_json

OPSET = 17  # of 2022: every runtime of today has it


def export_onnx(model, path, spec, sample=None, any_size=False):
    """Write `model` as one ONNX file.

    Input `pixels`: uint8 (n, s, s, 3), RGB. Output `probabilities` (`values` for a regression):
    float32 (n, k). What the answers mean is in its metadata under `keras_transfer.json`, the names
    under `classes` too, one a line.

    Args: as `export.tflite.export_tflite`.

    Raises:
        UserError: an operation that ONNX lacks, another backend.
    """
    require_tensorflow()
    if any_size:
        require_squeeze(spec)
    network = _convert(float32_copy(model), ANSWERS[spec.task], any_size)
    for key, text in ((MEMBER, spec_to_json(spec)), ("classes", name_lines(spec.outputs))):
        entry = network.metadata_props.add()
        entry.key, entry.value = key, text
    Path(path).write_bytes(network.SerializeToString(deterministic=True))


def _convert(network, prediction, any_size):
    """The `onnx.ModelProto` of a float32 network."""
    import onnx
    import tf2onnx

    tf = load_tensorflow()
    shape = network.input_shape
    signature = tf.TensorSpec((None, None, None, 3) if any_size else shape, tf.uint8, "pixels")

    def serve(pixels):
        pixels = tf.cast(pixels, tf.float32)
        if any_size:
            pixels = tf.ensure_shape(tf.image.resize(pixels, shape[1:3]), shape)
        return {prediction: network(pixels, training=False)}

    # it logs each operation that it lacks as an error: they are named below
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    with quiet_stderr():
        converted, _ = tf2onnx.convert.from_function(
            tf.function(serve, autograph=False), input_signature=[signature], opset=OPSET
        )
    kinds = {(node.op_type, node.domain) for node in converted.graph.node}
    lacking = sorted(kind for kind, domain in kinds if not onnx.defs.has(kind, domain))
    if lacking:
        raise UserError("ONNX has no such operation", ", ".join(lacking), "Take another format")
    return converted
