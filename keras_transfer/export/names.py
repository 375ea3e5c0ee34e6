"""The names of the outputs: of each answer, beside a file, and inside a TFLite file."""

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
    return "".join(" ".join(str(name).splitlines()) + "\n" for name in outputs)


def read_names(path):
    """The names inside a TFLite file, or () where it has none."""
    if not zipfile.is_zipfile(path):
        return ()
    with zipfile.ZipFile(path) as archive:
        if INSIDE not in archive.namelist():
            return ()
        return tuple(archive.read(INSIDE).decode("utf-8").splitlines())
