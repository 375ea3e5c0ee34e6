"""What phones read of a TFLite file: names, pixels, author, licence.

TFLite's metadata (tensorflow.org/lite/models/metadata; schema `metadata_schema.fbs`, version 1) is
a flatbuffer in a buffer of the model's own flatbuffer; files that it names follow behind as an
uncompressed zip. MediaPipe Tasks and ML Kit load a file with it as it is.
"""

import io
import zipfile

from keras_transfer import __version__
from keras_transfer.bases.table import BASES
from keras_transfer.model.spec import MEMBER, name_lines, spec_to_json

INSIDE = "labels.txt"  # what TFLite's metadata tools and MediaPipe call the list of names
NAME = "TFLITE_METADATA"  # of the buffer, in the model's own list of metadata
PARSER = "1.0.0"  # the oldest reader that understands what is used here
FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # so that the same model is the same file
RGB, AXIS_LABELS = 1, 2  # of the enums ColorSpaceType and AssociatedFileType
FEATURES, IMAGE = 1, 2  # of the union ContentProperties
NORMALIZATION = 1  # of the union ProcessUnitOptions


def describe(data, network):
    """A TFLite file (bytes) with metadata inside, where phones have a schema for such a model.

    They have one for images in and one row of numbers out.

    Args:
        data: bytes of a flatbuffer; network: `export.common.network.Network`.

    Returns:
        bytes; equal ones for equal arguments.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    if not (network.task.tabular and network.modality.has_phone_metadata):
        return data
    whole = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
    pixels = whole.subgraphs[0].tensors[whole.subgraphs[0].inputs[0]]
    # a model that came through a quantiser keeps its buffers behind the flatbuffer
    for buffer in whole.buffers:
        if buffer.offset > 1 and buffer.size:
            buffer.data = memoryview(data)[buffer.offset : buffer.offset + buffer.size]
            buffer.offset = buffer.size = 0
    kept = [entry for entry in whole.metadata or [] if entry.name not in (NAME, NAME.encode())]
    buffer = type(whole.buffers[0])()
    buffer.data = bytes(model_metadata(network, pixels.type == 0))
    whole.buffers.append(buffer)
    entry = flatbuffer_utils.schema_fb.MetadataT()
    entry.name, entry.buffer = NAME, len(whole.buffers) - 1
    whole.metadata = [*kept, entry]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(whole))


def add_files(model, spec):
    """A TFLite file with `labels.txt` and its ModelSpec behind it.

    Readers of flatbuffers begin at the front, readers of zips at the end.
    """
    whole = io.BytesIO(model)
    with zipfile.ZipFile(whole, "a", compression=zipfile.ZIP_STORED) as archive:
        for name, text in ((INSIDE, name_lines(spec.outputs)), (MEMBER, spec_to_json(spec))):
            archive.writestr(zipfile.ZipInfo(name, date_time=FIXED_DATE), text)
    return whole.getvalue()


def model_metadata(network, float_pixels):
    """The flatbuffer `ModelMetadata` (bytes) of a model; `float_pixels`: its input is float32."""
    import flatbuffers

    spec, output = network.spec, network.task.output_names[0]
    writer = _Writer(flatbuffers.Builder(1024))
    named = ", ".join(spec.outputs[:20]) + (", ..." if len(spec.outputs) > 20 else "")
    graph = writer.table(
        None,
        None,
        writer.tables([_pixels(writer, float_pixels)]),
        writer.tables([_predictions(writer, network.task)]),
    )
    licence = (
        f"of ImageNet weights, where it was trained from them: {BASES[spec.base].licence}"
        if spec.base in BASES and BASES[spec.base].licence
        else ""
    )
    root = writer.table(
        writer.text(f"{spec.base} {spec.task}"),
        writer.text(f"{spec.task} of {named}; RGB pixels 0..255 in, {output} out"),
        None,
        writer.tables([graph]),
        writer.text(f"keras_transfer {__version__}"),
        writer.text(licence),
        None,
        writer.text(PARSER),
    )
    writer.builder.Finish(root, file_identifier=b"M001")
    return writer.builder.Output()


def _pixels(writer, float_pixels):
    """`TensorMetadata` of the input; for MediaPipe it states that float pixels stay 0..255."""
    image = writer.table(("byte", RGB))
    units = None
    if float_pixels:
        options = writer.table(writer.floats([0.0]), writer.floats([1.0]))
        units = writer.tables([writer.table(("byte", NORMALIZATION), options)])
    return writer.table(
        writer.text("pixels"),
        writer.text("RGB, 0..255, resized to the model's size"),
        None,
        writer.table(("byte", IMAGE), image),
        units,
        writer.table(writer.floats([255.0]), writer.floats([0.0])),
    )


def _predictions(writer, task):
    """`TensorMetadata` of the output, with the list of its names."""
    labels = writer.table(
        writer.text(INSIDE),
        writer.text("The names of the outputs, in their order"),
        ("byte", AXIS_LABELS),
    )
    return writer.table(
        writer.text(task.output_names[0]),
        writer.text("One number a name"),
        None,
        writer.table(("byte", FEATURES), writer.table()),
        None,
        writer.table(writer.floats([1.0]), writer.floats([0.0])) if task.probabilities else None,
        writer.tables([labels]),
    )


class _Writer:
    """A flatbuffers builder that takes a table's fields in the order of the schema.

    A field is an offset (what the other methods give), ("byte", number), or None for absent.
    """

    def __init__(self, builder):
        self.builder = builder

    def text(self, text):
        return self.builder.CreateString(text)

    def floats(self, numbers):
        self.builder.StartVector(4, len(numbers), 4)
        for number in reversed(numbers):
            self.builder.PrependFloat32(number)
        return self.builder.EndVector()

    def tables(self, offsets):
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def table(self, *fields):
        self.builder.StartObject(len(fields))
        for slot, field in enumerate(fields):
            if isinstance(field, tuple):
                self.builder.PrependInt8Slot(slot, field[1], 0)
            elif field is not None:
                self.builder.PrependUOffsetTRelativeSlot(slot, field, 0)
        return self.builder.EndObject()
