"""What phones are to know of a file's outputs, as plain data: `export.tflite.metadata` writes it.

The words are those of TFLite's metadata (`metadata_schema.fbs`), which MediaPipe Tasks read.
"""

from typing import NamedTuple


class PhoneOutput(NamedTuple):
    """One output.

    Attributes:
        name: as phones know it; text: for people.
        content: features, boxes (y1 x1 y2 x2, 0 to 1) or mask.
        dimensions: (first, last) that one thing lies in, None for all.
        labels: what the list of names names: "axis", the last dimension; "value", the numbers; ""
            nothing.
        scaled: whether its numbers are 0 to 1.
    """

    name: str
    text: str
    content: str = "features"
    dimensions: tuple[int, int] | None = None
    labels: str = ""
    scaled: bool = False


class PhoneMetadata(NamedTuple):
    """All outputs of a file.

    Attributes:
        outputs: of PhoneOutput.
        group: (name, names of outputs that belong together), or None.
        custom: (name, bytes) of what a kind of task alone has, or None.
    """

    outputs: tuple[PhoneOutput, ...]
    group: tuple[str, tuple[str, ...]] | None = None
    custom: tuple[str, bytes] | None = None
