"""Masks beside images: `images/` and `masks/` with the same names, or VOC's `SegmentationClass`.

The numbers of a mask are named by `classes.txt` (a name a line, from 0) or `classes.json`
({"0": "road"}) beside them.
"""

from typing import NamedTuple

from keras_transfer.data.sources.annotations import Annotations, images_in
from keras_transfer.data.sources.folders import SPLIT_NAMES
from keras_transfer.errors import UserError, count

COLUMNS = ("mask", "classes")
PAIRS = (("images", "masks"), ("JPEGImages", "SegmentationClass"), ("image", "label"))
CLASSES = ("classes.txt", "classes.json")


class Pair(NamedTuple):
    """A folder of images, one of their masks, and their split."""

    images: object
    masks: object
    split: str


def find(path):
    """(root, [Pair]) of folders of masks; None where there are none."""
    if not path.is_dir():
        return None
    for images, masks in PAIRS:
        pairs = _pairs(path / images, path / masks)
        for name, split in SPLIT_NAMES.items():  # or SPLIT/images beside SPLIT/masks
            pairs += [
                p._replace(split=split) for p in _pairs(path / name / images, path / name / masks)
            ]
        if pairs:
            return path, pairs
    return None


def _pairs(images, masks):
    """The Pairs of two folders: their own, or of the folders of the splits in them."""
    if not (images.is_dir() and masks.is_dir()):
        return []
    inner = [folder for folder in sorted(images.iterdir()) if folder.is_dir()]
    named = {folder: SPLIT_NAMES.get(folder.name.lower()) for folder in inner}
    found = [
        Pair(folder, masks / folder.name, split)
        for folder, split in named.items()
        if split and (masks / folder.name).is_dir()
    ]
    return found or [Pair(images, masks, "")]


def read(found, modality):
    root, pairs = found
    classes = next((root / name for name in CLASSES if (root / name).is_file()), None)
    drawn, rows, alone = _named_splits(root), [], []
    for pair in pairs:
        images, masks = (images_in(folder, modality) for folder in (pair.images, pair.masks))
        alone += sorted(set(images) ^ set(masks))
        for stem in sorted(set(images) & set(masks)):
            paths = {"path": str(images[stem].resolve()), "mask": str(masks[stem].resolve())}
            split = pair.split or drawn.get(stem, "")
            rows.append({**paths, "split": split, "classes": str(classes or "")})
    if not rows:
        raise UserError(f"no images with masks in {root}", "no two files of one name")
    if drawn:
        rows = [row for row in rows if row["split"]]
    notes = []
    if alone:
        files = count(len(alone), "file")
        notes = [f"not used: {files} without a mask or image of its name; first: {alone[0]}"]
    return Annotations(rows, root.resolve(), tuple(notes))


def _named_splits(root):
    """{stem: split} by VOC's `ImageSets/Segmentation/train.txt` and so on."""
    found = {}
    for split in ("train", "val", "test"):
        file = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        if file.is_file():
            found |= dict.fromkeys(file.read_text("utf-8", "replace").split(), split)
    return found
