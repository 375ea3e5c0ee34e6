"""The names of the outputs: of each answer, beside a file, and inside a TFLite file."""

import io
import zipfile

INSIDE = "labels.txt"  # what TFLite's metadata tools and MediaPipe call the list of class names
BESIDE = "classes.txt"
ANSWERS = {  # task: what its answers are called in a file
    "classification": "probabilities",
    "multilabel": "probabilities",
    "regression": "values",
}


def name_lines(outputs):
    """The names as text, one a line; a line break in a name becomes a space."""
    return "".join(" ".join(str(name).split()) + "\n" for name in outputs)


def append_names(model, outputs):
    """A TFLite file with the names behind it as `labels.txt`.

    TFLite's metadata keeps associated files as an uncompressed zip behind the flatbuffer: readers
    of flatbuffers begin at the front, readers of zips at the end (TensorFlow Lite metadata guide).

    Args:
        model: bytes of a flatbuffer.

    Returns:
        bytes; equal ones for equal names.
    """
    # a fixed date, so that the same model is the same file
    entry = zipfile.ZipInfo(INSIDE, date_time=(1980, 1, 1, 0, 0, 0))
    whole = io.BytesIO(model)
    with zipfile.ZipFile(whole, "a", compression=zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, name_lines(outputs))
    return whole.getvalue()


def read_names(path):
    """The names inside a TFLite file, or () where it has none."""
    if not zipfile.is_zipfile(path):
        return ()
    with zipfile.ZipFile(path) as archive:
        if INSIDE not in archive.namelist():
            return ()
        return tuple(archive.read(INSIDE).decode("utf-8").splitlines())
