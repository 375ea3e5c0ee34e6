"""LabelMe: a .json file for each image beside it, with rectangles or polygons; read by globox."""

from keras_transfer.data.sources.annotations import (
    BOX_COLUMNS,
    Annotations,
    box_row,
    images_in,
    split_folders,
)
from keras_transfer.data.sources.annotations.common.globox import boxes_of, parse
from keras_transfer.errors import UserError, count

COLUMNS = BOX_COLUMNS
LOOKED_AT = 4096  # bytes of a file, in which its kind shows


def find(path):
    """(root, {folder: split}) of folders with such files; None where there are none."""
    if not path.is_dir():
        return None
    folders = {folder: split for folder, split in split_folders(path).items() if _has_any(folder)}
    if not folders and _has_any(path):
        folders = {path: ""}
    return (path, folders) if folders else None


def _has_any(folder):
    return any(_is_labelme(file) for file in sorted(folder.glob("*.json"))[:3])


def _is_labelme(file):
    """By what it begins with: such a file may end in the whole image, as text."""
    with open(file, "rb") as opened:
        start = opened.read(LOOKED_AT)
    return b'"shapes"' in start and (b'"flags"' in start or b'"version"' in start)


def read(found, modality):
    root, folders = found
    rows, alone = [], []
    for folder, split in folders.items():
        images, read_already = images_in(folder, modality), set()
        for file in sorted(file for file in folder.glob("*.json") if _is_labelme(file)):
            one = parse(file, "from_labelme", include_poly=True)
            image = (folder / one.image_id.replace("\\", "/")).resolve()
            image = image if image.is_file() else images.get(file.stem)
            if image is None:
                alone.append(file.name)
                continue
            read_already.add(image.stem)
            path = str(image.resolve())
            rows += [box_row(path, split, *box) for box in boxes_of(one)] or [box_row(path, split)]
        plain = [image for stem, image in images.items() if stem not in read_already]
        rows += [box_row(str(image.resolve()), split) for image in plain]
    if not rows:
        raise UserError(f"no annotated images in {root}", "no .json file has an image")
    number = count(len(alone), "annotation")
    notes = (f"not used: {number} without an image; first: {alone[0]}",) if alone else ()
    return Annotations(rows, root.resolve(), notes)
