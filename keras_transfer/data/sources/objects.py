"""The column `objects` of Hugging Face's tables: boxes of an image, as a row each."""

from keras_transfer.data.sources.annotations import BOX_COLUMNS, corners_of

OBJECTS = "objects"
LABELS = ("categories", "category", "label", "labels")  # what names the classes in it


def explode_objects(frame):
    """A table with a row a box in place of its column `objects`; others stay as they are."""
    if OBJECTS not in frame.columns or "label" in frame.columns:
        return frame
    import pandas as pd

    rows = []
    for row in frame.to_dict("records"):
        for cells in _boxes(row.pop(OBJECTS)):
            rows.append({**row, **dict(zip(BOX_COLUMNS, cells, strict=True))})
    return pd.DataFrame(rows)


def _boxes(objects):
    """(label, four corners) of each box; one row of empty cells where there is none."""
    objects = objects if isinstance(objects, dict) else {}
    boxes = objects.get("bbox") or []
    labels = next((objects[name] for name in LABELS if objects.get(name)), [])
    labels = list(labels) + [""] * (len(boxes) - len(labels))
    found = [(label, *corners_of(_numbers(box))) for label, box in zip(labels, boxes, strict=False)]
    return found or [("",) * len(BOX_COLUMNS)]


def _numbers(box):
    """A box as numbers: whole ones were read as text, so that long ones keep their digits."""
    try:
        return [float(number) for number in box]
    except (TypeError, ValueError):
        return box
