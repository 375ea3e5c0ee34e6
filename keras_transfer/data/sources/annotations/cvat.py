"""CVAT: one annotations.xml ("CVAT for images") beside the images or their folder."""

from keras_transfer.data.sources.annotations import (
    BOX_COLUMNS,
    Annotations,
    box_row,
    split_in,
)
from keras_transfer.data.sources.annotations.common.globox import boxes_of, parse
from keras_transfer.data.sources.folders import SPLIT_NAMES
from keras_transfer.errors import UserError, count

COLUMNS = BOX_COLUMNS
FILE = "annotations.xml"
LOOKED_AT = 4096  # bytes of a file, in which its kind shows
PLACES = ("", "images")  # of images, beside the file


def find(path):
    """The file; None where there is none."""
    file = path / FILE if path.is_dir() else path
    if file.suffix.lower() != ".xml" or not file.is_file():
        return None
    with open(file, "rb") as opened:
        return file if b"<annotations" in opened.read(LOOKED_AT) else None


def read(file, modality):
    rows, alone = [], []
    for one in parse(file, "from_cvat"):
        name = one.image_id.replace("\\", "/")
        images = [image for p in PLACES if (image := file.parent / p / name).is_file()]
        if not images:
            alone.append(name)
            continue
        path = str(images[0].resolve())
        folders = [SPLIT_NAMES.get(part.lower(), "") for part in name.split("/")[:-1]]
        split = next((found for found in folders if found), split_in(file.parent.name))
        rows += [box_row(path, split, *box) for box in boxes_of(one)] or [box_row(path, split)]
    if not rows:
        raise UserError(f"{file} names no image that is here", alone[0] if alone else "none")
    number = count(len(alone), "image")
    notes = (f"not used: {number} that {FILE} names; first: {alone[0]}",) if alone else ()
    return Annotations(rows, file.parent.resolve(), notes)
