"""The same few boxes, written in each annotation format."""

import json

import numpy as np
import pandas as pd

from tests.support.odd_images import png_bytes, quarters

BOXES = {  # image: (split, its boxes: label, corners)
    "a": ("train", [("cat", (1, 2, 5, 6)), ("dog", (0, 0, 3, 4))]),
    "b": ("train", [("dog", (2, 1, 6, 3))]),
    "c": ("val", [("cat", (0.5, 0.5, 2.5, 3.5))]),
    "d": ("train", []),
}
NAMES = ["cat", "dog"]
SIZE = (8, 6)  # width, height


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_bytes(quarters(*SIZE)))


def coco_content(names, prefix=""):
    size = {"width": SIZE[0], "height": SIZE[1]}
    images = [{"id": i, "file_name": f"{prefix}{n}.png", **size} for i, n in enumerate(names)]
    boxes = [
        {
            "image_id": i,
            "category_id": NAMES.index(label) + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
        }
        for i, n in enumerate(names)
        for label, (x1, y1, x2, y2) in BOXES[n][1]
    ]
    categories = [{"id": k + 1, "name": name} for k, name in enumerate(NAMES)]
    return {"images": images, "annotations": boxes, "categories": categories}


def names_in(split):
    return [name for name, (own, _) in BOXES.items() if own == split]


def as_coco(root):
    for name, (split, _) in BOXES.items():
        image(root / f"{split}2017" / f"{name}.png")
    for split in ("train", "val"):
        file = root / "annotations" / f"instances_{split}2017.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(coco_content(names_in(split))))
    return root


def as_roboflow(root):
    for split, folder in (("train", "train"), ("val", "valid")):
        for name in names_in(split):
            image(root / folder / f"{name}.png")
        text = json.dumps(coco_content(names_in(split)))
        (root / folder / "_annotations.coco.json").write_text(text)
    return root


def voc_text(name):
    objects = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for label, (x1, y1, x2, y2) in BOXES[name][1]
    )
    width, height = SIZE
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation><filename>wrong.jpg</filename>{size}{objects}</annotation>"


def as_voc(root):
    for name in BOXES:
        image(root / "JPEGImages" / f"{name}.png")
        file = root / "Annotations" / f"{name}.xml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(voc_text(name))
    for split in ("train", "val"):
        file = root / "ImageSets" / "Main" / f"{split}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(names_in(split)))
    return root


def as_labelimg(root):
    for name, (split, _) in BOXES.items():
        image(root / split / f"{name}.png")
        if BOXES[name][1]:  # LabelImg writes none for an image without boxes
            (root / split / f"{name}.xml").write_text(voc_text(name))
    return root


def as_yolo(root):
    width, height = SIZE
    for name, (split, boxes) in BOXES.items():
        image(root / "images" / split / f"{name}.png")
        lines = [
            f"{NAMES.index(label)} {(x1 + x2) / 2 / width} {(y1 + y2) / 2 / height} "
            f"{(x2 - x1) / width} {(y2 - y1) / height}"
            for label, (x1, y1, x2, y2) in boxes
        ]
        file = root / "labels" / split / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines))
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    return root


def as_hugging_face(root):
    for split in ("train", "val"):
        lines = []
        for name in names_in(split):
            image(root / split / f"{name}.png")
            boxes = BOXES[name][1]
            objects = {
                "bbox": [[x1, y1, x2 - x1, y2 - y1] for _, (x1, y1, x2, y2) in boxes],
                "categories": [label for label, _ in boxes],
            }
            lines.append(json.dumps({"file_name": f"{name}.png", "objects": objects}))
        (root / split / "metadata.jsonl").write_text("\n".join(lines))
    return root


def as_table(root):
    rows = []
    for name, (split, boxes) in BOXES.items():
        image(root / f"{name}.png")
        for label, corners in boxes or [("", ("",) * 4)]:
            rows.append([f"{name}.png", split, label, *corners])
    columns = ["path", "split", "label", "xmin", "ymin", "xmax", "ymax"]
    pd.DataFrame(rows, columns=columns).to_csv(root / "metadata.csv", index=False)
    return root


def as_labelme(root):
    for name, (split, boxes) in BOXES.items():
        image(root / split / f"{name}.png")
        shapes = [
            {"label": label, "shape_type": "rectangle", "points": [[x2, y1], [x1, y2]]}
            for label, (x1, y1, x2, y2) in boxes
        ]
        content = {"version": "5.0", "flags": {}, "shapes": shapes, "imagePath": f"{name}.png"}
        content |= {"imageData": None, "imageHeight": SIZE[1], "imageWidth": SIZE[0]}
        (root / split / f"{name}.json").write_text(json.dumps(content))
    return root


def as_cvat(root):
    nodes = []
    for number, (name, (split, boxes)) in enumerate(BOXES.items()):
        image(root / "images" / split / f"{name}.png")
        inside = "".join(
            f'<box label="{label}" xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}"></box>'
            for label, (x1, y1, x2, y2) in boxes
        )
        size = f'width="{SIZE[0]}" height="{SIZE[1]}"'
        nodes.append(f'<image id="{number}" name="{split}/{name}.png" {size}>{inside}</image>')
    text = "<?xml version='1.0'?><annotations><version>1.1</version>" + "".join(nodes)
    (root / "annotations.xml").write_text(text + "</annotations>")
    return root


FORMATS = (
    as_coco,
    as_cvat,
    as_hugging_face,
    as_labelimg,
    as_labelme,
    as_roboflow,
    as_table,
    as_voc,
    as_yolo,
)


def boxes_in(source):
    """{name of an image: (split, its boxes)}."""
    table = source.table
    return {
        path.rsplit("/", 1)[-1].removesuffix(".png"): (
            split,
            {(box.label, tuple(np.round(box[1:], 6).tolist())) for box in label},
        )
        for path, split, label in zip(table["path"], table["split"], table["label"], strict=True)
    }
