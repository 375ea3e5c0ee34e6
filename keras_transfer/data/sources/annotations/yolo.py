"""YOLO: a `data.yaml` that names classes and folders; labels/NAME.txt beside images/NAME.jpg."""

from pathlib import Path

from keras_transfer.data.sources.annotations import BOX_COLUMNS, Annotations, box_row, images_in
from keras_transfer.data.sources.folders import SPLIT_NAMES
from keras_transfer.errors import ExampleError, UserError

COLUMNS = BOX_COLUMNS
FILES = ("data.yaml", "data.yml", "dataset.yaml")
ADVICE = "It names `train` and `val` (folders of images) and `names` (of the classes)"


def find(path):
    """The .yaml file; None where there is none."""
    if path.is_file():
        return path if path.suffix.lower() in (".yaml", ".yml") else None
    return next((path / name for name in FILES if (path / name).is_file()), None)


def read(file, modality):
    content = _load(file)
    names, root = _names(content, file), file.resolve().parent
    base = (root / str(content.get("path") or "")).resolve()
    rows = []
    for key, split in SPLIT_NAMES.items():
        folders = content.get(key)
        for folder in folders if isinstance(folders, list) else [folders] if folders else []:
            rows += _read_folder(_place(str(folder), base, root, file), split, names, modality)
    if not rows:
        raise UserError(
            f"{file} names no images", ", ".join(map(str, content)) or "nothing", ADVICE
        )
    return Annotations(rows, base if base.is_dir() else root)


def _load(file):
    import yaml

    try:
        content = yaml.safe_load(file.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{file} is not YAML", reason, ADVICE) from error
    if not isinstance(content, dict):
        raise UserError(f"{file} describes no data", type(content).__name__, ADVICE)
    return content


def _names(content, file):
    """{number: name of a class}."""
    names = content.get("names")
    if isinstance(names, list):
        return dict(enumerate(map(str, names)))
    if isinstance(names, dict):
        return {int(n): str(name) for n, name in names.items() if str(n).isdigit()}
    raise UserError(f"{file} names no classes", f"names: {names}", ADVICE)


def _place(name, base, root, file):
    """The folder of images; Roboflow writes ../train/images for what lies beside the file."""
    known = [base / name, root / name, root / name.removeprefix("../")]
    found = next((folder for folder in known if folder.is_dir()), None)
    if found is None:
        raise UserError(f"{file} names a folder that is not there", name, f"Looked in {base}")
    return found.resolve()


def _read_folder(folder, split, names, modality):
    """Rows of the images of a folder."""
    parts = list(folder.parts)
    at = len(parts) - 1 - parts[::-1].index("images") if "images" in parts else None
    labels = Path(*parts[:at], "labels", *parts[at + 1 :]) if at is not None else folder
    rows = []
    for stem, image in images_in(folder, modality).items():
        boxes = _boxes(labels / f"{stem}.txt", image, names, modality)
        rows += [box_row(str(image), split, *box) for box in boxes] or [box_row(str(image), split)]
    return rows


def _boxes(file, image, names, modality):
    """[(label, corners in pixels)] of one file: class x y width height, 0 to 1, or the corners of a
    polygon."""
    if not file.is_file():
        return []
    try:
        width, height = modality.raw_size(image)
    except ExampleError:  # it will be skipped, and named
        return []
    found = []
    for line in file.read_text("utf-8", "replace").splitlines():
        number, *cells = line.split() or [""]
        if number:
            label = names.get(int(number), "") if number.isdigit() else ""
            found.append((label, _corners(cells, width, height)))
    return found


def _corners(cells, width, height):
    """Corners in pixels; as text where the cells are no numbers of a box or polygon."""
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return ("no box",) * 4
    if len(numbers) == 4:
        x, y, w, h = numbers
        numbers = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    if len(numbers) < 4 or len(numbers) % 2:
        return ("no box",) * 4
    xs, ys = numbers[::2], numbers[1::2]
    return min(xs) * width, min(ys) * height, max(xs) * width, max(ys) * height
