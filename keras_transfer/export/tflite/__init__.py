"""TFLite files for phones and small machines: raw inputs in, names and metadata inside."""

import functools
import zipfile
from pathlib import Path

from keras_transfer.export import Exported, Format
from keras_transfer.export.common.network import require_tensorflow
from keras_transfer.export.tflite.float16_weights import to_float16_weights
from keras_transfer.export.tflite.int8 import write_int8
from keras_transfer.export.tflite.metadata import INSIDE, add_files, describe
from keras_transfer.model.spec import MEMBER, spec_from_json
from keras_transfer.runtimes.conversion import convert_traced
from keras_transfer.runtimes.litert import LiteRTRuntime
from keras_transfer.tasks import load_task
from keras_transfer.tasks.common.protocol.exporting import POSTPROCESSED


def write(network, path, sample=None, numbers="float32", any_size=False):
    """Write a network as one TFLite file of built-in operations.

    Inputs as the network takes them (images: `pixels`, float32 (1, s, s, 3), RGB 0..255), outputs
    by their names: float32. Names, what the predictions mean and the metadata of MediaPipe Tasks
    are inside (`metadata`). Equal models give equal files.

    Args:
        network: `export.common.network.Network`.
        path: of the file to make.
        sample: not asked for here.
        numbers: what the weights are stored as: float32, float16 (half the size; computed in
            float32; see `float16_weights`), or dynamic (int8: a quarter; what suits is computed
            in int8).
        any_size: the input is (1, height, width, 3), resized inside without antialiasing.

    Raises:
        UserError: another backend than TensorFlow, an operation that TFLite lacks (named).
    """
    require_tensorflow()
    if any_size:
        network.modality.check_any_size(network.spec.inputs)
        traced = network.trace(any_size, one_by_one=True)
    else:
        traced = network.traced_one_by_one
    settings = _dynamic if numbers == "dynamic" else None
    data = convert_traced(traced, network.model.weights, settings)
    data = to_float16_weights(data) if numbers == "float16" else data
    # MediaPipe loads a file for any size and then takes it for one of a single pixel: with names
    # but without metadata it refuses
    data = data if any_size else describe(data, network)
    Path(path).write_bytes(add_files(data, network.spec))


def _dynamic(tf, converter):
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def find(name):
    """The Format of a TFLite file called `name`."""
    return next(form for form in FORMATS if form.name == name)


def is_file(path):
    """Whether `path` is a TFLite file by its name."""
    return path.suffix == ".tflite" and path.is_file()


def open_file(path):
    """The Exported of a TFLite file of ours."""
    spec = _spec_behind(path)
    names = load_task(spec).output_names if spec else ()
    runtime = LiteRTRuntime(path, output_names=names if len(names) > 1 else None)
    return Exported(runtime, spec, None in runtime.input_shapes[0])


def _spec_behind(path):
    """The ModelSpec behind a TFLite file, or None."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        if not {MEMBER, INSIDE} <= set(archive.namelist()):
            return None
        names = archive.read(INSIDE).decode("utf-8").splitlines()
        # the list that phones read counts
        return spec_from_json(archive.read(MEMBER), path)._replace(outputs=tuple(names))


def _tflite(name, safer="", **arguments):
    write_so = functools.partial(write, **arguments) if arguments else write
    kind = name.removeprefix("tflite")
    exact = arguments.get("numbers", "float32") == "float32"
    return Format(name, f"model{kind}.tflite", write_so, exact, safer=safer)


PLAIN = (
    _tflite("tflite")._replace(any_size="tflite-any-size"),
    _tflite("tflite-float16", "tflite", numbers="float16"),
    _tflite("tflite-dynamic", "tflite-float16", numbers="dynamic"),
    Format(
        "tflite-int8",
        "model-int8.tflite",
        write_int8,
        exact=False,
        calibrated=True,
        safer="tflite-dynamic",
    ),
)


def _with_nms(form):
    """The format whose files give predictions, for that of one whose outputs are plain."""
    return form._replace(
        name=f"{form.name}-nms",
        file_name=form.file_name.replace(".tflite", "-nms.tflite"),
        safer=form.safer and f"{form.safer}-nms",
        any_size="",
        form=POSTPROCESSED,
    )


FORMATS = (
    *(form._replace(postprocessed=f"{form.name}-nms") for form in PLAIN),
    _tflite("tflite-any-size", any_size=True),
    *map(_with_nms, PLAIN),
)
