"""Exported files, opened as a stranger would open them: pixels in, answers out.

A reader has: `runtime` (name and version), `spec` (what the file says of itself), `size` (pixels a
side; None where it takes any), `answers(pixels)` for uint8 (n, size, size, 3) -> float32 (n, k),
`operations()`, {kind: how many},
and `predict_encoded(files)` for whole encoded examples (None where one is not to be asked): an answer
each, None for one that it cannot read; `predict_encoded` is None where the file decodes nothing.
"""

import time
import zipfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np

from keras_transfer.backend import load_tensorflow, quiet_stderr
from keras_transfer.environment import cores
from keras_transfer.errors import UserError
from keras_transfer.export.names import ANSWERS, read_names
from keras_transfer.model.spec import MEMBER, spec_from_json

IN_A_FOLDER = ("saved_model.pb", "model.xml")  # what a folder has that is an export
EXTRAS = {"onnx": ("onnx", "onnxruntime", "tf2onnx"), "openvino": ("openvino",)}
BATCH = 16  # examples at once: VGG16 at 224 pixels then takes 0.4 GB in the interpreter


def open_export(path):
    """The reader of an exported file; a UserError where it is none.

    Args:
        path: a SavedModel folder, a .tflite, .onnx or .xml (OpenVINO) file, or the folder of one.
    """
    path = Path(path)
    if path.is_dir():
        inside = path / IN_A_FOLDER[1]
        return OpenVINOReader(inside) if inside.is_file() else SavedModelReader(path)
    if path.suffix not in READERS:
        found = f"{path}: known are a SavedModel folder, {', '.join(READERS)}"
        raise UserError("no exported model here", found)
    if not path.is_file():
        raise UserError("no exported model here", path)
    return READERS[path.suffix](path)


def require(extra):
    """Refuse what needs an extra that is not installed."""
    from importlib.util import find_spec

    if any(find_spec(module) is None for module in EXTRAS[extra]):
        found = f"not installed: {', '.join(EXTRAS[extra])}"
        raise UserError(
            f"{extra} files need an extra", found, f"pip install 'keras_transfer[{extra}]'"
        )


def open_timed(path):
    """(reader, seconds that opening took)."""
    begun = time.perf_counter()
    reader = open_export(path)
    return reader, time.perf_counter() - begun


def batches(pixels):
    """The pixels in parts of at most BATCH; at least one, which may be empty."""
    return [pixels[row : row + BATCH] for row in range(0, max(1, len(pixels)), BATCH)]


class SavedModelReader:
    """A SavedModel of ours in plain TensorFlow."""

    def __init__(self, path):
        tf = load_tensorflow()
        self._tf, self.runtime = tf, f"TensorFlow {tf.__version__}"
        try:
            with quiet_stderr():
                self._loaded = tf.saved_model.load(str(path))
            self._arrays = self._loaded.signatures["serve_arrays"]
        except (OSError, KeyError, tf.errors.OpError) as error:
            raise UserError(f"{path} is no SavedModel of keras-transfer", error) from error
        member = path / MEMBER
        self.spec = spec_from_json(member.read_text(), path) if member.exists() else None
        names = self._loaded.signatures["classes"]()["classes"].numpy()
        if self.spec is not None:  # what the graph itself says of the names counts
            self.spec = self.spec._replace(outputs=tuple(name.decode() for name in names))
        self.size = self._arrays.structured_input_signature[1]["pixels"].shape[1]
        self._output = next(n for n in self._arrays.structured_outputs if n in ANSWERS.values())

    def predict_arrays(self, pixels):
        parts = [self._arrays(pixels=self._tf.constant(part)) for part in batches(pixels)]
        return np.concatenate([part[self._output].numpy() for part in parts])

    def predict_encoded(self, files):
        asked = [data for data in files if data is not None]
        try:
            predictions = iter(self._serve(asked) if asked else ())
        except self._tf.errors.OpError:  # it does not say which of them: one by one
            if len(files) == 1:
                return [None]
            return [prediction for data in files for prediction in self.predict_encoded([data])]
        return [None if data is None else next(predictions) for data in files]

    def _serve(self, files):
        serve = self._loaded.signatures["serving_default"]
        return serve(image_bytes=self._tf.constant(files))[self._output].numpy()

    def operations(self):
        inner = self._arrays.graph.as_graph_def().library.function
        nodes = [*self._arrays.graph.as_graph_def().node, *(n for f in inner for n in f.node_def)]
        return dict(Counter(node.op for node in nodes).most_common())


class TFLiteReader:
    """A .tflite file on LiteRT, an example at a time as a phone has it.

    Args:
        threads: of the interpreter; by default one a core.
    """

    predict_encoded = None

    def __init__(self, path, threads=None):
        from ai_edge_litert.interpreter import Interpreter

        self.runtime = f"LiteRT {version('ai-edge-litert')}"
        try:
            with quiet_stderr():  # it greets with the name of its delegate
                self._interpreter = Interpreter(str(path), num_threads=threads or cores())
                self._interpreter.allocate_tensors()
        except (ValueError, OSError) as error:
            raise UserError(f"{path} is no TFLite file", error) from error
        self.source, *others = self._interpreter.get_input_details()
        self._target, *more = self._interpreter.get_output_details()
        if others or more:
            raise UserError(f"{path} is no model of keras-transfer", "several inputs or outputs")
        sides = self.source["shape_signature"][1:3]
        self.size = int(sides[0]) if sides[0] > 0 else None
        self.spec = _zipped_spec(path)

    def predict_arrays(self, pixels):
        shape = tuple(map(int, self.source["shape"]))
        if self.size is None:
            self._interpreter.resize_tensor_input(self.source["index"], (1, *pixels.shape[1:]))
            self._interpreter.allocate_tensors()
        elif pixels.shape[1:] != shape[1:]:
            raise UserError(f"the file reads examples of {shape[1:]}", pixels.shape[1:], "Resize")
        found = np.empty((len(pixels), int(self._target["shape"][-1])), np.float32)
        for row, example in enumerate(pixels):
            self._interpreter.set_tensor(
                self.source["index"], example[None].astype(self.source["dtype"])
            )
            self._interpreter.invoke()
            found[row] = _real(self._interpreter.get_tensor(self._target["index"])[0], self._target)
        return found

    def operations(self):
        details = self._interpreter._get_ops_details()
        return dict(
            Counter(op["op_name"] for op in details if op["op_name"] != "DELEGATE").most_common()
        )


def _real(numbers, tensor):
    """Numbers of a tensor that may be quantised, as they are meant."""
    scale, zero = tensor["quantization"]
    return (numbers.astype(np.float32) - zero) * scale if scale else numbers


def _zipped_spec(path):
    """The `ModelSpec` behind a TFLite file, or None."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        if MEMBER not in archive.namelist():
            return None
        spec = spec_from_json(archive.read(MEMBER), path)
    return spec._replace(outputs=read_names(path))  # the list that phones read counts


class OnnxReader:
    """An .onnx file on ONNX Runtime."""

    predict_encoded = None

    def __init__(self, path):
        require("onnx")
        import onnxruntime

        self.runtime, self._path = f"ONNX Runtime {onnxruntime.__version__}", path
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors share no class but this one
            raise UserError(f"{path} is no ONNX file", str(error).splitlines()[0]) from error
        self._source, *others = self._session.get_inputs()
        if others or len(self._session.get_outputs()) > 1:
            raise UserError(f"{path} is no model of keras-transfer", "several inputs or outputs")
        side = self._source.shape[1]
        self.size = side if isinstance(side, int) else None  # else the name of what may vary
        text = self._session.get_modelmeta().custom_metadata_map.get(MEMBER)
        self.spec = text and spec_from_json(text, path)

    def predict_arrays(self, pixels):
        parts = [self._session.run(None, {self._source.name: part})[0] for part in batches(pixels)]
        return np.concatenate(parts)

    def operations(self):
        import onnx

        nodes = onnx.load(self._path, load_external_data=False).graph.node
        return dict(Counter(node.op_type for node in nodes).most_common())


class OpenVINOReader:
    """An OpenVINO file (.xml with its .bin), in float32."""

    predict_encoded = None

    def __init__(self, path):
        require("openvino")
        import openvino

        self.runtime = f"OpenVINO {openvino.__version__.split('-')[0]}"
        core = openvino.Core()
        hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        try:
            with quiet_stderr():
                self._model = core.read_model(str(path))
                self._compiled = core.compile_model(self._model, "CPU", hints)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError(f"{path} is no OpenVINO file", reason) from error
        side = self._model.input(0).partial_shape[1]
        self.size = side.get_length() if side.is_static else None
        info = self._model.get_rt_info()
        self.spec = spec_from_json(info[MEMBER].astype(str), path) if MEMBER in info else None

    def predict_arrays(self, pixels):
        return np.concatenate([self._compiled(part)[0].copy() for part in batches(pixels)])

    def operations(self):
        kinds = Counter(op.get_type_name() for op in self._model.get_ops())
        return dict(kinds.most_common())


READERS = {".tflite": TFLiteReader, ".onnx": OnnxReader, ".xml": OpenVINOReader}
