"""Read folders: one folder a class, or train/val/test with class folders in each."""

import os
from collections import Counter

from keras_transfer.errors import UserError, count
from keras_transfer.tasks.common.labels import one_line

SPLITS = ("train", "val", "test")
SPLIT_NAMES = {  # what a folder or a cell may say: the split it means
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
COMMONEST = 5  # endings named in a note on files that are not read
CLASS_ADVICE = (
    "Put the images of each class in a folder of its own, or write a metadata.csv "
    "(or .jsonl, .parquet) with the columns file_name,label beside them"
)


def read_folder(root, modality):
    """The images below `root`, and remarks on what was passed over.

    Returns: rows (path, label, split, shown), all str, sorted by `shown`; notes, a list of str.
    Raises: UserError for an empty folder or images without class folders.
    """
    notes = []
    folders, loose = _listing(root, modality)
    splits = {name: SPLIT_NAMES[name.lower()] for name in folders if name.lower() in SPLIT_NAMES}
    if "train" in splits.values() or (splits and len(splits) == len(folders)):
        rows = []
        for name, split in splits.items():
            rows += _read_split(root, name, split, notes, modality)
        others = sorted(set(folders) - set(splits))
        if others:
            notes.append(f"folders beside train/val/test are not used: {', '.join(others)}")
    else:
        rows = _read_classes(root, folders, "", notes, modality)
        _refuse_wrapped(root, folders, rows, modality)
    if not rows:
        if loose:
            raise UserError(f"no class folders in {root}", count(loose, "image"), CLASS_ADVICE)
        found = _commonest_endings(path for path, _ in _walk(root, modality)) or "nothing"
        raise UserError(f"no images in {root}", found, CLASS_ADVICE)
    if loose:
        notes.append(f"not used: {count(loose, 'image')} outside the class folders of {root.name}")
    rows.sort(key=lambda row: row[3])
    return rows, notes + modality.notes([row[3] for row in rows])


def printable(name):
    """A file name as text that UTF-8 can store: undecodable bytes become question marks."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _read_split(root, name, split, notes, modality):
    """Rows of one split's folder; a test folder of unlabelled images is noted, not used."""
    folders, loose = _listing(root / name, modality)
    rows = _read_classes(root / name, folders, split, notes, modality)
    if loose and not rows and split == "train":
        raise UserError(f"no class folders in {root / name}", count(loose, "image"), CLASS_ADVICE)
    if loose:
        notes.append(f"not used: {count(loose, 'image')} of {name} in no class folder")
    return [(path, label, split, f"{name}/{shown}") for path, label, split, shown in rows]


def _read_classes(root, folders, split, notes, modality):
    """Rows of the class folders `folders` in `root`, and of the folders within them."""
    rows, others = [], []
    for folder in folders:
        label = printable(one_line(folder))
        before = len(rows)
        for path, is_image in _walk(root / folder, modality):
            if is_image:
                shown = printable(os.path.relpath(path, root).replace(os.sep, "/"))
                rows.append((path, label, split, shown))
            else:
                others.append(path)
        if len(rows) == before:
            notes.append(f"the folder {label} holds no images and is not used")
    if others:
        notes.append(
            f"not read: {count(len(others), 'file')} of {root.name} without an image's ending "
            f"({_commonest_endings(others)})"
        )
    return rows


def _walk(folder, modality):
    """Yield (path, whether its name is an image's) for each visible file below `folder`."""
    for place, folders, files in os.walk(folder, onerror=_refuse_unreadable):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(files):
            if not _is_hidden(name):
                yield os.path.join(place, name), (_ending(name) in modality.endings)


def _listing(folder, modality):
    """Visible folders in `folder`, sorted, and how many images lie beside them."""
    try:
        with os.scandir(folder) as entries:
            seen = [(entry.name, entry.is_dir()) for entry in entries]
    except OSError as error:
        _refuse_unreadable(error)
    seen = [(name, is_folder) for name, is_folder in seen if not _is_hidden(name)]
    folders = sorted(name for name, is_folder in seen if is_folder)
    images = sum((_ending(name) in modality.endings) for name, is_folder in seen if not is_folder)
    return folders, images


def _refuse_unreadable(error):
    raise UserError(f"cannot look into {error.filename}", error.strerror) from error


def _refuse_wrapped(root, folders, rows, modality):
    """Say so when all lies one folder deeper, as archives like to unpack."""
    if len(folders) != 1:
        return
    inner = root / folders[0]
    deeper, loose = _listing(inner, modality)
    if not loose and len(deeper) > 1 and rows:
        raise UserError(
            f"{root} holds a single folder, which would be the only class",
            f"{len(deeper)} folders inside {inner.name}",
            f"Did you mean {inner}?",
        )


def _commonest_endings(paths):
    """The commonest endings of `paths`, as "4 .dng, 2 .txt, 9 others"."""
    counts = Counter(_ending(path) or "files without an ending" for path in paths)
    shown = counts.most_common(COMMONEST)
    others = counts.total() - sum(number for _, number in shown)
    named = [f"{number} {ending}" for ending, number in shown]
    return ", ".join(named + ([count(others, "other")] if others else []))


def _is_hidden(name):
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _ending(name):
    return os.path.splitext(name)[1].lower()
