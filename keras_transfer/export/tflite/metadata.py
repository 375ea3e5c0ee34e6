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
from keras_transfer.tasks.common.flatbuffer_tables import TableWriter

INSIDE = "labels.txt"  # what TFLite's metadata tools and MediaPipe call the list of names
NAME = "TFLITE_METADATA"  # of the buffer, in the model's own list of metadata
PARSER = "1.0.0"  # the oldest reader that understands what is used here
FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # so that the same model is the same file
RGB, GREY = 1, 2  # of the enum ColorSpaceType
AXIS_LABELS, VALUE_LABELS = 2, 3  # of the enum AssociatedFileType
FEATURES, IMAGE, BOXES = 1, 2, 3  # of the union ContentProperties
BOUNDARIES = 1  # of the enum BoundingBoxType: left, top, right, bottom
CORNERS = (1, 0, 3, 2)  # where each of these stands
NORMALIZATION = 1  # of the union ProcessUnitOptions


def describe(data, network):
    """A TFLite file (bytes) with metadata inside, where phones have a schema for such a model.

    They have one for images in and, out, a row of numbers, boxes or masks.

    Args:
        data: bytes of a flatbuffer; network: `export.common.network.Network`.

    Returns:
        bytes; equal ones for equal arguments.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    phone = network.task.phone_metadata()
    if phone is None or not network.modality.has_phone_metadata:
        return data
    whole = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
    pixels = whole.subgraphs[0].tensors[whole.subgraphs[0].inputs[0]]
    _order_outputs(whole, network.task.output_names)
    # a model that came through a quantiser keeps its buffers behind the flatbuffer
    for buffer in whole.buffers:
        if buffer.offset > 1 and buffer.size:
            buffer.data = memoryview(data)[buffer.offset : buffer.offset + buffer.size]
            buffer.offset = buffer.size = 0
    kept = [entry for entry in whole.metadata or [] if entry.name not in (NAME, NAME.encode())]
    buffer = type(whole.buffers[0])()
    buffer.data = model_metadata(network, phone, pixels.type == 0)
    whole.buffers.append(buffer)
    entry = flatbuffer_utils.schema_fb.MetadataT()
    entry.name, entry.buffer = NAME, len(whole.buffers) - 1
    whole.metadata = [*kept, entry]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(whole))


def _order_outputs(whole, names):
    """Bring the outputs of a file into the order of `names`, as its metadata have them: the
    converter has another one, and only its signature tells which is which."""
    if not whole.signatureDefs:
        return
    found = {output.name.decode(): output.tensorIndex for output in whole.signatureDefs[0].outputs}
    whole.subgraphs[0].outputs = [found[name] for name in names]


def add_files(model, spec):
    """A TFLite file with `labels.txt` and its ModelSpec behind it.

    Readers of flatbuffers begin at the front, readers of zips at the end.
    """
    whole = io.BytesIO(model)
    with zipfile.ZipFile(whole, "a", compression=zipfile.ZIP_STORED) as archive:
        for name, text in ((INSIDE, name_lines(spec.outputs)), (MEMBER, spec_to_json(spec))):
            archive.writestr(zipfile.ZipInfo(name, date_time=FIXED_DATE), text)
    return whole.getvalue()


def model_metadata(network, phone, float_pixels):
    """The flatbuffer `ModelMetadata` (bytes) of a model.

    Args:
        phone: `tasks.common.phone_metadata.PhoneMetadata`; float_pixels: the input is float32.
    """
    spec, writer = network.spec, TableWriter()
    named = ", ".join(spec.outputs[:20]) + (", ..." if len(spec.outputs) > 20 else "")
    gives = ", ".join(output.name for output in phone.outputs)
    licence = (
        f"of ImageNet weights, where it was trained from them: {BASES[spec.base].licence}"
        if spec.base in BASES and BASES[spec.base].licence
        else ""
    )
    root = writer.table(
        writer.text(f"{spec.base} {spec.task}"),
        writer.text(f"{spec.task} of {named}; RGB pixels 0..255 in, {gives} out"),
        None,
        writer.tables([_graph(writer, phone, float_pixels)]),
        writer.text(f"keras_transfer {__version__}"),
        writer.text(licence),
        None,
        writer.text(PARSER),
    )
    return writer.finish(root, b"M001")


def _graph(writer, phone, float_pixels):
    """`SubGraphMetadata`: what goes in, what comes out."""
    outputs = writer.tables([_output(writer, output) for output in phone.outputs])
    groups = custom = None
    if phone.group:
        name, members = phone.group
        members = writer.tables([writer.text(member) for member in members])
        groups = writer.tables([writer.table(writer.text(name), members)])
    if phone.custom:
        name, data = phone.custom
        custom = writer.tables([writer.table(writer.text(name), writer.bytes(data))])
    inputs = writer.tables([_pixels(writer, float_pixels)])
    return writer.table(None, None, inputs, outputs, None, None, None, None, groups, custom)


def _pixels(writer, float_pixels):
    """`TensorMetadata` of the input; for MediaPipe it states that float pixels stay 0..255."""
    image = writer.table(("Int8", RGB))
    units = None
    if float_pixels:
        options = writer.table(writer.numbers("Float32", [0.0]), writer.numbers("Float32", [1.0]))
        units = writer.tables([writer.table(("Int8", NORMALIZATION), options)])
    return writer.table(
        writer.text("pixels"),
        writer.text("RGB, 0..255, resized to the model's size"),
        None,
        writer.table(("Int8", IMAGE), image),
        units,
        _range(writer, 255.0),
    )


def _output(writer, output):
    """`TensorMetadata` of an output, with the list of names where it names something."""
    labels = None
    if output.labels:
        kind = AXIS_LABELS if output.labels == "axis" else VALUE_LABELS
        text = "The names of the outputs, in their order"
        labels = writer.tables(
            [writer.table(writer.text(INSIDE), writer.text(text), ("Int8", kind))]
        )
    dimensions = output.dimensions
    if dimensions:
        dimensions = writer.table(*(("Int32", number) for number in dimensions))
    kind, properties = _content(writer, output.content)
    return writer.table(
        writer.text(output.name),
        writer.text(output.text),
        None,
        writer.table(("Int8", kind), properties, dimensions),
        None,
        _range(writer, 1.0) if output.scaled else None,
        labels,
    )


def _content(writer, content):
    """(which of the union ContentProperties, its table)."""
    if content == "boxes":
        order = writer.numbers("Uint32", CORNERS)
        return BOXES, writer.table(order, ("Int8", BOUNDARIES))
    if content == "mask":
        return IMAGE, writer.table(("Int8", GREY))
    return FEATURES, writer.table()


def _range(writer, most):
    """`Stats`: 0 to `most`."""
    return writer.table(writer.numbers("Float32", [most]), writer.numbers("Float32", [0.0]))
