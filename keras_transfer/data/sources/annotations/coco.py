"""COCO json: one file, one a split in `annotations/`, or Roboflow's `_annotations.coco.json`."""

import json
from collections import Counter
from pathlib import Path

from keras_transfer.data.sources.annotations import (
    BOX_COLUMNS,
    Annotations,
    box_row,
    corners_of,
    split_folders,
    split_in,
)
from keras_transfer.errors import UserError, count

COLUMNS = BOX_COLUMNS
KEYS = {"images", "annotations", "categories"}
ROBOFLOW = "_annotations.coco.json"
ADVICE = 'A COCO file has the lists "images", "annotations" and "categories"'


def find(path):
    """{file: split} of COCO files; None where there are none."""
    if path.is_file():
        return {path: split_in(path.stem)} if path.suffix.lower() == ".json" else None
    files = {folder / ROBOFLOW: split for folder, split in split_folders(path).items()}
    files = {file: split for file, split in files.items() if file.is_file()}
    if not files and (path / ROBOFLOW).is_file():
        return {path / ROBOFLOW: ""}
    if not files and (path / "annotations").is_dir():
        named = sorted((path / "annotations").glob("*.json"))
        boxes = [file for file in named if "instances" in file.name] or named
        files = {file: split_in(file.stem) for file in boxes}
    return files or None


def read(files, modality):
    rows, notes, root = [], Counter(), _root(files)
    for file, split in files.items():
        rows += _read_file(file, split, root, notes)
    texts = [f"not used: {count(number, what)}" for what, number in notes.items()]
    return Annotations(rows, root, tuple(texts))


def _root(files):
    """The folder that images lie in: above `annotations`, or that of the file, or of its split."""
    folders = {file.resolve().parent for file in files}
    named = folders if len(folders) == 1 else {folder.parent for folder in folders}
    folder = sorted(named)[0]
    return folder.parent if folder.name == "annotations" else folder


def _read_file(file, split, root, notes):
    """Rows of one file; `notes` counts what is passed over."""
    content = _load(file)
    names = {c.get("id"): c.get("name", "") for c in content["categories"] if isinstance(c, dict)}
    places = [file.resolve().parent, root, root / "images", root / split]
    places += [
        folder
        for folder in sorted(root.iterdir())
        if folder.is_dir() and split_in(folder.name) == split
    ]
    paths, rows, with_boxes = {}, [], set()
    for image in content["images"]:
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
            notes["image without a file_name"] += 1
            continue
        paths[image.get("id")] = _locate(image["file_name"], places)
    for one in content["annotations"]:
        path = paths.get(one.get("image_id")) if isinstance(one, dict) else None
        if path is None:
            notes["annotation of an image that is not listed"] += 1
        elif one.get("iscrowd"):
            notes["box around a crowd"] += 1
        else:
            label = names.get(one.get("category_id"), "")
            rows.append(box_row(path, split, label, corners_of(one.get("bbox"))))
            with_boxes.add(path)
    empty = dict.fromkeys(path for path in paths.values() if path not in with_boxes)
    return rows + [box_row(path, split) for path in empty]


def _locate(name, places):
    """The path of an image: where it is first found; else where it should have been."""
    known = [place / name for place in places]
    return str(next((path for path in known if path.is_file()), known[0]))


def _load(file):
    """The object of a COCO file, its three lists checked."""
    try:
        content = json.loads(Path(file).read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read", error, ADVICE) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not JSON", error, ADVICE) from error
    lacking = KEYS - set(content) if isinstance(content, dict) else KEYS
    if lacking or not all(isinstance(content[key], list) for key in KEYS):
        found = f"without {', '.join(sorted(lacking))}" if lacking else "they are no lists"
        raise UserError(f"{file} is no COCO file", found, ADVICE)
    return content
