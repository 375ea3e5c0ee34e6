"""Pascal VOC: `Annotations/*.xml` and `JPEGImages`, or .xml files beside the images."""

from typing import NamedTuple
from xml.etree import ElementTree

from keras_transfer.data.sources.annotations import (
    BOX_COLUMNS,
    Annotations,
    box_row,
    images_in,
    split_folders,
)
from keras_transfer.errors import UserError, count

COLUMNS = BOX_COLUMNS
SIDES = ("xmin", "ymin", "xmax", "ymax")


class Place(NamedTuple):
    """A folder of .xml files, the folder of their images, and their split."""

    annotations: object
    images: object
    split: str


def find(path):
    """(root, [Place]) of VOC folders; None where there are none."""
    if not path.is_dir():
        return None
    if (path / "Annotations").is_dir() and (path / "JPEGImages").is_dir():
        return path, [Place(path / "Annotations", path / "JPEGImages", "")]
    places = [Place(folder, folder, split) for folder, split in split_folders(path).items()]
    places = [place for place in places if _has_xml(place.annotations)]
    if not places and _has_xml(path):
        places = [Place(path, path, "")]
    return (path, places) if places else None


def _has_xml(folder):
    return any(file.suffix.lower() == ".xml" for file in folder.iterdir())


def read(found, modality):
    root, places = found
    rows, notes, drawn = [], [], _named_splits(root)
    for place in places:
        images = images_in(place.images, modality)
        files = {f.stem: f for f in sorted(place.annotations.glob("*.[xX][mM][lL]"))}
        alone = sorted(set(files) - set(images))
        if alone:
            notes.append(
                f"not used: {count(len(alone), 'annotation')} without an image; first: {alone[0]}"
            )
        stems = sorted(
            set(images) if place.annotations == place.images else set(images) & set(files)
        )
        for stem in stems:
            split = place.split or drawn.get(stem, "")
            boxes = _boxes(files[stem]) if stem in files else []
            path = str(images[stem].resolve())
            rows += [box_row(path, split, *box) for box in boxes] or [box_row(path, split)]
    if not rows:
        raise UserError(f"no annotated images in {root}", "no .xml file has an image of its name")
    if drawn:
        left = {row["path"] for row in rows if not row["split"]}
        rows = [row for row in rows if row["split"]]
        if left:
            notes.append(f"not used: {count(len(left), 'image')} in no list of ImageSets/Main")
    return Annotations(rows, root.resolve(), tuple(notes))


def _named_splits(root):
    """{stem: split} by `ImageSets/Main/train.txt` and so on; empty without such lists."""
    found = {}
    for split in ("train", "val", "test"):
        file = root / "ImageSets" / "Main" / f"{split}.txt"
        if file.is_file():
            lines = file.read_text("utf-8", "replace").splitlines()
            found |= {line.split()[0]: split for line in lines if line.strip()}
    return found


def _boxes(file):
    """[(label, corners)] of one file; what is missing in it is empty."""
    try:
        tree = ElementTree.parse(file)
    except (ElementTree.ParseError, OSError) as error:
        raise UserError(f"{file} is not XML", error, "Mend or remove it") from error
    boxes = []
    for one in tree.getroot().iter("object"):
        corners = [one.findtext(f"bndbox/{side}", "") for side in SIDES]
        boxes.append((one.findtext("name", ""), corners))
    return boxes
