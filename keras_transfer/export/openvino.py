"""OpenVINO files (.xml and .bin) for servers with Intel or AMD processors: names inside."""

import functools
import tempfile
from pathlib import Path

from keras_transfer.backend import quiet_stderr
from keras_transfer.errors import UserError
from keras_transfer.export import Exported, Format, require
from keras_transfer.export.common.network import require_tensorflow
from keras_transfer.model.spec import MEMBER, spec_from_json, spec_to_json
from keras_transfer.runtimes.conversion import convert_traced
from keras_transfer.runtimes.litert import LiteRTRuntime
from keras_transfer.runtimes.openvino import OpenVINORuntime
from keras_transfer.tasks import load_task
from keras_transfer.tasks.common.protocol.exporting import DECODED

XML_FILE = "model.xml"


def write(network, folder, sample=None, any_size=False):
    """Write a network as `model.xml` and `model.bin` in a new folder.

    Inputs as the model takes them (images: `pixels`, uint8 (n, s, s, 3), RGB), outputs by their
    names: float32 (n, ...). What they mean is in its runtime information. Weights stay float32.

    It is made from a TFLite file: from a Keras model or SavedModel OpenVINO 2026 gives some
    networks (EfficientNetV2) dozens of outputs, and string operations that it cannot run.

    Args: as `export.tflite.write`; with `any_size` pixels are resized inside as Pillow does it,
        antialiased, as in training.

    Raises:
        UserError: an operation that TFLite or OpenVINO lacks, another backend.
    """
    require_tensorflow()
    import openvino

    if any_size:
        network.modality.check_any_size(network.spec.inputs)
    made = _convert(openvino, network, any_size)
    made.set_rt_info(spec_to_json(network.spec), [MEMBER])
    Path(folder).mkdir()
    openvino.save_model(made, Path(folder) / XML_FILE, compress_to_fp16=False)


def _convert(openvino, network, any_size):
    """The OpenVINO model of a network, with the inputs' own types."""
    content = convert_traced(network.traced, network.model.weights)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "network.tflite"
        file.write_bytes(content)
        try:
            with quiet_stderr(expected=RuntimeError):
                made = openvino.Core().read_model(file)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError("OpenVINO has no such operation", reason) from error
        _name_ports(made, content, network)
        steps = openvino.preprocess.PrePostProcessor(made)
        for tensor in network.spec.inputs.tensors:
            entry = steps.input(tensor.name)
            entry.tensor().set_element_type(openvino.Type(tensor.dtype))
        if any_size:
            layout = openvino.Layout("NHWC")
            entry.tensor().set_layout(layout).set_spatial_dynamic_shape()
            entry.model().set_layout(layout)
            how = openvino.preprocess.ResizeAlgorithm.RESIZE_BILINEAR_PILLOW
            entry.preprocess().convert_element_type(openvino.Type.f32).resize(how)
        return steps.build()


def _name_ports(made, content, network):
    """Give inputs and outputs the spec's names: OpenVINO knows those of the TFLite tensors."""
    takes = [tensor.name for tensor in network.spec.inputs.tensors]
    gives = network.task.output_names
    file = LiteRTRuntime(content, input_names=takes, output_names=gives)
    ports = {name: port for port in (*made.inputs, *made.outputs) for name in port.names}
    for name, tensor in zip((*takes, *gives), (*file.inputs, *file.outputs), strict=True):
        ports[tensor["name"]].set_names({name})


def is_file(path):
    """Whether `path` is an OpenVINO file, or its folder."""
    return (path / XML_FILE).is_file() or (path.suffix == ".xml" and path.is_file())


def open_file(path):
    """The Exported of an OpenVINO file of ours."""
    require(FORMATS[0])
    path = path / XML_FILE if path.is_dir() else path
    runtime = OpenVINORuntime(path)
    text = runtime.metadata(MEMBER)
    spec = spec_from_json(text, path) if text else None
    names = load_task(spec).output_names if spec else ()
    if len(names) > 1:
        runtime = OpenVINORuntime(path, output_names=names)
    return Exported(runtime, spec, None in runtime.input_shapes[0])


NEEDS = {"form": DECODED, "extra": "openvino", "modules": ("openvino",)}
ANY_SIZE = functools.partial(write, any_size=True)
FORMATS = (
    Format("openvino", "openvino", write, any_size="openvino-any-size", **NEEDS),
    Format("openvino-any-size", "openvino-any-size", ANY_SIZE, **NEEDS),
)
