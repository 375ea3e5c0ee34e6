"""Annotation formats, one file each: COCO json, Pascal VOC, YOLO, masks beside images.

`annotations/NAME.py` has COLUMNS, what its rows hold besides `path` and `split`; `find(path)`, what
there is to read at a path (a file or a folder) or None; and `read(found, modality) -> Annotations`.
"""

from pathlib import Path
from typing import Any, NamedTuple

from keras_transfer.config import find_in, names_in
from keras_transfer.data.sources.folders import SPLIT_NAMES

ROOM = "data.sources.annotations"
BOX_COLUMNS = ("label", "xmin", "ymin", "xmax", "ymax")


class Annotations(NamedTuple):
    """What annotation files say.

    Attributes:
        rows: dicts of `path` (absolute), `split` ("" where none is given), and the columns of a
            task; one a box, and one with empty cells of an image without any.
        root: the folder that all images lie in.
        notes: what a person should know of how they were read.
    """

    rows: list[dict]
    root: Path
    notes: tuple[str, ...] = ()


def find_annotations(path, columns=()):
    """A function of a Modality that gives the Annotations at a path; None where there are none.

    Args:
        path: Path of a file or a folder; columns: that the rows have to have.
    """
    for name in names_in(ROOM):
        form = find_in(ROOM, "format", name)
        found = form.find(path) if set(columns) <= set(form.COLUMNS) else None
        if found is not None:
            return lambda modality, form=form, found=found: form.read(found, modality)
    return None


def split_folders(root):
    """{folder: split} of the folders of a root that are named for a split."""
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    return {f: SPLIT_NAMES[f.name.lower()] for f in folders if f.name.lower() in SPLIT_NAMES}


def split_in(name):
    """The split that a file's name speaks of, as instances_train2017 does; "" where of none."""
    words = "".join(c if c.isalpha() else " " for c in name.lower()).split()
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), "")


def images_in(folder, modality):
    """{stem: Path} of the images of a folder, by the names without their endings."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {file.stem: file for file in files if file.suffix.lower() in modality.endings}


def box_row(path, split, label="", corners=("", "", "", "")):
    """A row of a box; of an image without any where there is no label."""
    cells = zip(BOX_COLUMNS, (label, *corners), strict=True)
    return {"path": path, "split": split, **dict(cells)}


def corners_of(box) -> Any:
    """Corners of x, y, width, height; as they are where these are no four numbers."""
    numbers = isinstance(box, (list, tuple)) and len(box) == 4
    if not numbers or not all(isinstance(n, (int, float)) for n in box):
        return ("no box",) * 4
    x, y, width, height = box
    return x, y, x + width, y + height
