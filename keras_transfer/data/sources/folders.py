"""Read folders: one folder a class, or train/val/test with class folders in each."""

import os
from pathlib import Path

from keras_transfer.errors import UserError, count
from keras_transfer.inputs.image.reading import IMAGE_ENDINGS
from keras_transfer.tasks.labels import one_line

SPLITS = ("train", "val", "test")
SPLIT_NAMES = {  # what a folder or a cell may say: the split it means
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
CLASS_ADVICE = (
    "Put the images of each class in a folder of its own, or write a metadata.csv "
    "with the columns path,label beside them"
)


def read_folder(root):
    """The images below `root`, and remarks on what was passed over.

    Returns: rows (path, label, split, shown), all str, sorted by `shown`; notes, a list of str.
    Raises: UserError for an empty folder or images without class folders.
    """
    notes = []
    folders, loose = _listing(root)
    splits = {name: SPLIT_NAMES[name.lower()] for name in folders if name.lower() in SPLIT_NAMES}
    if "train" in splits.values() or (splits and len(splits) == len(folders)):
        rows = []
        for name, split in splits.items():
            rows += _read_split(root, name, split, notes)
        others = sorted(set(folders) - set(splits))
        if others:
            notes.append(f"folders beside train/val/test are not used: {', '.join(others)}")
    else:
        rows = _read_classes(root, folders, "", notes)
        _refuse_wrapped(root, folders, rows)
    if not rows:
        if loose:
            raise UserError(f"no class folders in {root}", count(loose, "image"), CLASS_ADVICE)
        raise UserError(f"no images in {root}", _endings_found(root), CLASS_ADVICE)
    if loose:
        notes.append(f"not used: {count(loose, 'image')} outside the class folders of {root.name}")
    return sorted(rows, key=lambda row: row[3]), notes


def printable(name):
    """A file name as text that UTF-8 can store: undecodable bytes become question marks."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _read_split(root, name, split, notes):
    """Rows of one split's folder; a test folder of unlabelled images is noted, not used."""
    folders, loose = _listing(root / name)
    rows = _read_classes(root / name, folders, split, notes)
    if loose and not rows and split == "train":
        raise UserError(f"no class folders in {root / name}", count(loose, "image"), CLASS_ADVICE)
    if loose:
        notes.append(f"not used: {count(loose, 'image')} of {name} in no class folder")
    return [(path, label, split, f"{name}/{shown}") for path, label, split, shown in rows]


def _read_classes(root, folders, split, notes):
    """Rows of the class folders `folders` in `root`, and of the folders within them."""
    rows, others = [], 0
    for folder in folders:
        label = printable(one_line(folder))
        before = len(rows)
        for path, is_image in _walk(root / folder):
            if is_image:
                shown = printable(os.path.relpath(path, root).replace(os.sep, "/"))
                rows.append((path, label, split, shown))
            else:
                others += 1
        if len(rows) == before:
            notes.append(f"the folder {label} holds no images and is not used")
    if others:
        notes.append(f"{count(others, 'file')} without an image's name in {root.name} not read")
    return rows


def _walk(folder):
    """Yield (path, whether its name is an image's) for each visible file below `folder`."""
    for place, folders, files in os.walk(folder, onerror=_refuse_unreadable):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(files):
            if not _is_hidden(name):
                yield os.path.join(place, name), _has_image_name(name)


def _listing(folder):
    """Visible folders in `folder`, sorted, and how many images lie beside them."""
    try:
        with os.scandir(folder) as entries:
            seen = [(entry.name, entry.is_dir()) for entry in entries]
    except OSError as error:
        _refuse_unreadable(error)
    seen = [(name, is_folder) for name, is_folder in seen if not _is_hidden(name)]
    folders = sorted(name for name, is_folder in seen if is_folder)
    images = sum(_has_image_name(name) for name, is_folder in seen if not is_folder)
    return folders, images


def _refuse_unreadable(error):
    raise UserError(f"cannot look into {error.filename}", error.strerror) from error


def _refuse_wrapped(root, folders, rows):
    """Say so when all lies one folder deeper, as archives like to unpack."""
    if len(folders) != 1:
        return
    inner = root / folders[0]
    deeper, loose = _listing(inner)
    if not loose and len(deeper) > 1 and rows:
        raise UserError(
            f"{root} holds a single folder, which would be the only class",
            f"{len(deeper)} folders inside {inner.name}",
            f"Did you mean {inner}?",
        )


def _endings_found(root):
    """The commonest file endings below `root`, for the message that none is an image's."""
    counts = {}
    for path, _ in _walk(root):
        ending = Path(path).suffix.lower() or "files without an ending"
        counts[ending] = counts.get(ending, 0) + 1
    commonest = sorted(counts, key=counts.get, reverse=True)[:3]
    return ", ".join(f"{counts[ending]} {ending}" for ending in commonest) or "nothing"


def _is_hidden(name):
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _has_image_name(name):
    return os.path.splitext(name)[1].lower() in IMAGE_ENDINGS
