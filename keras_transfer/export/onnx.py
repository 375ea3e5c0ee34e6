"""An ONNX file for servers without TensorFlow: raw inputs in, names inside."""

import functools
import logging
from pathlib import Path

import numpy as np

from keras_transfer.backend import load_tensorflow, quiet_stderr
from keras_transfer.errors import UserError
from keras_transfer.export import Exported, Format, require
from keras_transfer.export.common.network import require_tensorflow
from keras_transfer.model.spec import MEMBER, name_lines, spec_from_json, spec_to_json
from keras_transfer.runtimes.onnx import ONNXRuntime
from keras_transfer.tasks import load_task
from keras_transfer.tasks.common.protocol.exporting import DECODED

OPSET = 17  # of 2022: every runtime of today has it


def write(network, path, sample=None, any_size=False):
    """Write a network as one ONNX file.

    Inputs as the model takes them (images: `pixels`, uint8 (n, s, s, 3), RGB), outputs by their
    names: float32 (n, ...). What they mean is in its metadata under `keras_transfer.json`, the
    names under `classes` too, one a line.

    Args: as `export.tflite.write`.

    Raises:
        UserError: an operation that ONNX lacks, another backend.
    """
    require_tensorflow()
    if any_size:
        network.modality.check_any_size(network.spec.inputs)
    made, spec = _convert(network, any_size), network.spec
    for key, text in ((MEMBER, spec_to_json(spec)), ("classes", name_lines(spec.outputs))):
        entry = made.metadata_props.add()
        entry.key, entry.value = key, text
    Path(path).write_bytes(made.SerializeToString(deterministic=True))


def _convert(network, any_size):
    """The `onnx.ModelProto` of a network."""
    import onnx
    import tf2onnx

    tf, tensors = load_tensorflow(), network.spec.inputs.tensors
    shapes = [(None, None, None, 3) if any_size else (None, *t.shape) for t in tensors]
    parts = zip(shapes, tensors, strict=True)
    signature = [tf.TensorSpec(shape, t.dtype, t.name) for shape, t in parts]
    dtypes = [tensor.dtype for tensor in network.model.inputs]

    def serve(*inputs):
        inputs = [tf.cast(one, dtype) for one, dtype in zip(inputs, dtypes, strict=True)]
        if any_size:
            resized = tf.image.resize(inputs[0], tensors[0].shape[:2])
            inputs = [tf.ensure_shape(resized, (None, *tensors[0].shape))]
        return network.traced(*inputs)

    # it logs each operation that it lacks as an error: they are named below
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    with quiet_stderr():
        function = tf.function(serve, autograph=False)
        made, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    kinds = {(node.op_type, node.domain) for node in made.graph.node}
    lacking = sorted(kind for kind, domain in kinds if not onnx.defs.has(kind, domain))
    if lacking:
        raise UserError("ONNX has no such operation", ", ".join(lacking), "Take another format")
    _raise_scales(made.graph)
    return made


def _raise_scales(graph):
    """Let no map be a row short: 23 / 12, rounded down to a float32, makes 22 rows of 12.

    ONNX's Resize takes the whole part of rows times scale.
    """
    from onnx import numpy_helper

    names = {node.input[2] for node in graph.node if node.op_type == "Resize" and node.input[2:]}
    for constant in graph.initializer:
        if constant.name in names:
            scales = numpy_helper.to_array(constant)
            raised = np.where(scales == np.round(scales), scales, np.nextafter(scales, np.inf))
            raised = raised.astype(scales.dtype)
            constant.CopyFrom(numpy_helper.from_array(raised, constant.name))


def is_file(path):
    """Whether `path` is an ONNX file by its name."""
    return path.suffix == ".onnx" and path.is_file()


def open_file(path):
    """The Exported of an ONNX file of ours."""
    require(FORMATS[0])
    runtime = ONNXRuntime(path)
    text = runtime.metadata(MEMBER)
    spec = spec_from_json(text, path) if text else None
    if spec is not None:
        runtime = ONNXRuntime(path, output_names=load_task(spec).output_names)
    return Exported(runtime, spec, None in runtime.input_shapes[0])


NEEDS = {"form": DECODED, "extra": "onnx", "modules": ("onnx", "onnxruntime", "tf2onnx")}
FORMATS = (
    Format("onnx", "model.onnx", write, any_size="onnx-any-size", **NEEDS),
    Format(
        "onnx-any-size", "model-any-size.onnx", functools.partial(write, any_size=True), **NEEDS
    ),
)
