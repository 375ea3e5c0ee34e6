"""OpenVINO files (.xml and .bin) for servers with Intel or AMD processors: names inside."""

import tempfile
from pathlib import Path

from keras_transfer.backend import quiet_stderr
from keras_transfer.errors import UserError
from keras_transfer.export.names import ANSWERS
from keras_transfer.export.readers import IN_A_FOLDER
from keras_transfer.export.saved_model import require_tensorflow
from keras_transfer.export.tflite.floats import require_squeeze
from keras_transfer.model.float32_copy import float32_copy
from keras_transfer.model.spec import MEMBER, spec_to_json
from keras_transfer.runtimes.litert import convert


def export_openvino(model, folder, spec, sample=None, any_size=False):
    """Write `model` as `model.xml` and `model.bin` in a new folder.

    Input `pixels`: uint8 (n, s, s, 3), RGB. Output `probabilities` (`values` for a regression):
    float32 (n, k). What the answers mean is in its runtime information. Weights stay float32.

    It is made from a TFLite file: from a Keras model or SavedModel OpenVINO 2026 gives some
    networks (EfficientNetV2) dozens of outputs, and string operations that it cannot run.

    Args: as `export.tflite.export_tflite`; with `any_size` pixels are resized inside as Pillow does
        it, antialiased, as in training.

    Raises:
        UserError: an operation that TFLite or OpenVINO lacks, another backend.
    """
    require_tensorflow()
    import openvino

    if any_size:
        require_squeeze(spec)
    network = _read(openvino, convert(float32_copy(model), ANSWERS[spec.task]), any_size)
    network.input(0).set_names({"pixels"})
    network.output(0).set_names({ANSWERS[spec.task]})
    network.set_rt_info(spec_to_json(spec), [MEMBER])
    Path(folder).mkdir()
    openvino.save_model(network, Path(folder) / IN_A_FOLDER[1], compress_to_fp16=False)


def _read(openvino, data, any_size):
    """The network in a TFLite file, with uint8 pixels as its input."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "network.tflite"
        file.write_bytes(data)
        try:
            with quiet_stderr():
                network = openvino.Core().read_model(file)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError("OpenVINO has no such operation", reason) from error
        steps = openvino.preprocess.PrePostProcessor(network)
        pixels = steps.input(0)
        pixels.tensor().set_element_type(openvino.Type.u8)
        if any_size:
            layout = openvino.Layout("NHWC")
            pixels.tensor().set_layout(layout).set_spatial_dynamic_shape()
            pixels.model().set_layout(layout)
            how = openvino.preprocess.ResizeAlgorithm.RESIZE_BILINEAR_PILLOW
            pixels.preprocess().convert_element_type(openvino.Type.f32).resize(how)
        return steps.build()
