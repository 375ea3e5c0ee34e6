"""The same boxes written in each format read alike; hostile files are named, skipped or refused."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
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


@pytest.mark.parametrize("write", FORMATS)
def test_each_format_reads_alike(tmp_path, write):
    source = read_source(write(tmp_path))
    assert source.task == "detection"
    expected = {
        name: (split, {(label, tuple(map(float, corners))) for label, corners in boxes})
        for name, (split, boxes) in BOXES.items()
    }
    assert boxes_in(source) == expected


def test_globox_reads_the_same_of_what_we_read_ourselves(tmp_path):
    globox = pytest.importorskip("globox")
    as_voc(tmp_path / "voc"), as_coco(tmp_path / "coco")
    own = boxes_in(read_source(tmp_path / "voc"))
    assert own == boxes_in(read_source(tmp_path / "coco"))
    files = sorted((tmp_path / "voc" / "Annotations").iterdir())
    theirs = {file.stem: globox.Annotation.from_pascal_voc(file) for file in files}
    for file in sorted((tmp_path / "coco" / "annotations").iterdir()):
        for one in globox.AnnotationSet.from_coco(file):
            assert boxes_of_globox(one) == own[one.image_id.removesuffix(".png")][1]
    assert {name: boxes_of_globox(one) for name, one in theirs.items()} == {
        name: boxes for name, (_, boxes) in own.items()
    }


def boxes_of_globox(annotation):
    return {(b.label, (b.xmin, b.ymin, b.xmax, b.ymax)) for b in annotation.boxes}


def test_a_file_alone_is_read_beside_its_images(tmp_path):
    for name in BOXES:
        image(tmp_path / "images" / f"{name}.png")
    (tmp_path / "boxes.json").write_text(json.dumps(coco_content(list(BOXES))))
    source = read_source(tmp_path / "boxes.json")
    assert len(source.table) == 4
    assert set(source.table["split"]) == {""}


# --- hostile files


def coco_with(root, **changes):
    image(root / "a.png")
    content = coco_content(["a"])
    for key, change in changes.items():
        content[key] = change(content[key])
    (root / "_annotations.coco.json").write_text(json.dumps(content))
    return root


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: [{**b[0], "bbox": ["1", "2", "3", "4"]}, *b[1:]], "a corner is no number"),
        (lambda b: [{**b[0], "bbox": [1, 2, float("nan"), 4]}, *b[1:]], "a corner is no number"),
        (lambda b: [{**b[0], "bbox": [1, 2, -3, 4]}, *b[1:]], "a box without area"),
        (lambda b: [{**b[0], "bbox": [1, 2, 0, 4]}, *b[1:]], "a box without area"),
        (lambda b: [{**b[0], "bbox": [1, 2]}, *b[1:]], "a corner is no number"),
        (lambda b: [{**b[0], "bbox": None}, *b[1:]], "a corner is no number"),
        (lambda b: [{**b[0], "category_id": 77}, *b[1:]], "a box without a class"),
    ],
)
def test_a_bad_box_is_named_and_left_out(tmp_path, capsys, change, reason):
    source = read_source(coco_with(tmp_path, annotations=change))
    assert len(source.table["label"].iloc[0]) == 1
    assert reason in capsys.readouterr().err
    assert "a.png" in str(source.table["shown"].iloc[0])


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"annotations": lambda b: [*b, {**b[0], "iscrowd": 1}]}, "box around a crowd"),
        ({"annotations": lambda b: [*b, {**b[0], "image_id": 9}]}, "an image that is not listed"),
        ({"annotations": lambda b: [*b, "box"]}, "an image that is not listed"),
        ({"images": lambda i: [*i, {"id": 5}]}, "image without a file_name"),
    ],
)
def test_what_is_passed_over_is_noted(tmp_path, changes, note):
    source = read_source(coco_with(tmp_path, **changes))
    assert len(source.table["label"].iloc[0]) == 2
    assert any(note in one for one in source.notes)


def test_an_image_that_is_listed_twice_is_one(tmp_path):
    twice = lambda images: [*images, {"id": 1, "file_name": "a.png"}]  # noqa: E731
    more = lambda b: [*b, {"image_id": 1, "category_id": 1, "bbox": [3, 3, 2, 2]}]  # noqa: E731
    source = read_source(coco_with(tmp_path, images=twice, annotations=more))
    assert len(source.table) == 1
    assert len(source.table["label"].iloc[0]) == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"images": [', "is not JSON"),
        ("[1, 2]", "is no COCO file"),
        ('{"images": [], "annotations": []}', "without categories"),
        ('{"images": {}, "annotations": [], "categories": []}', "they are no lists"),
    ],
)
def test_a_broken_coco_file_is_refused(tmp_path, text, reason):
    (tmp_path / "boxes.json").write_text(text)
    with pytest.raises(UserError, match=reason) as refused:
        read_source(tmp_path / "boxes.json")
    assert "\n" not in str(refused.value)


def test_a_path_that_leaves_the_folder_is_refused(tmp_path):
    image(tmp_path / "outside.png")
    inner = tmp_path / "inner"
    inner.mkdir()
    away = lambda images: [{"id": 0, "file_name": "../outside.png"}]  # noqa: E731
    with pytest.raises(UserError, match="leave its folder"):
        read_source(coco_with(inner, images=away))


@pytest.mark.parametrize(
    ("write", "file", "text", "reason"),
    [
        (as_voc, "Annotations/a.xml", "<annotation><object>", "is not XML"),
        (as_yolo, "data.yaml", "train: [", "is not YAML"),
        (as_yolo, "data.yaml", "- 1", "describes no data"),
        (as_yolo, "data.yaml", "train: images/train", "names no classes"),
        (as_yolo, "data.yaml", "train: gone\nnames: [cat]", "a folder that is not there"),
        (as_yolo, "data.yaml", "names: [cat]", "names no images"),
    ],
)
def test_a_broken_file_is_refused(tmp_path, write, file, text, reason):
    write(tmp_path)
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError, match=reason) as refused:
        read_source(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("line", ["0 0.5 0.5", "0 a b c d", "7 .5 .5 .2 .2", "x .5 .5 .2 .2"])
def test_a_bad_line_of_yolo_is_named_and_left_out(tmp_path, capsys, line):
    as_yolo(tmp_path)
    with open(tmp_path / "labels" / "train" / "b.txt", "a") as file:
        file.write(f"\n{line}\n")
    found = boxes_in(read_source(tmp_path))
    assert len(found["b"][1]) == 1
    assert "left out" in capsys.readouterr().err


def test_a_polygon_of_yolo_becomes_its_box(tmp_path):
    as_yolo(tmp_path)
    text = "1 0.25 0.5 0.5 0.25 0.75 0.5 0.5 1.0"
    (tmp_path / "labels" / "train" / "b.txt").write_text(text)
    assert boxes_in(read_source(tmp_path))["b"][1] == {("dog", (2.0, 1.5, 6.0, 6.0))}


# --- masks


def plant_masks(root, classes="classes.txt", splits=("train", "val"), images="images"):
    masks = {"images": "masks", "JPEGImages": "SegmentationClass"}[images]
    for split in splits:
        for number in range(3):
            image(root / images / split / f"{number}.png")
            pixels = np.zeros(SIZE[::-1], np.uint8)
            pixels[:, : 2 + number], pixels[0, 0] = 1, 255
            file = root / masks / split / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    text = {"classes.txt": "ground\nroad\n", "classes.json": '{"0": "ground", "1": "road"}'}
    if classes:
        (root / classes).write_text(text[classes])
    return root


@pytest.mark.parametrize("classes", ["classes.txt", "classes.json", ""])
def test_masks_beside_images(tmp_path, classes):
    source = read_source(plant_masks(tmp_path, classes))
    assert source.task == "segmentation"
    assert sorted(source.table["split"]) == ["train"] * 3 + ["val"] * 3
    mask = source.table["label"].iloc[0]
    assert mask.numbers == (0, 1, 255)
    assert mask.size == SIZE


def test_a_folder_with_boxes_and_masks_is_read_as_is_asked(tmp_path):
    as_voc(tmp_path)
    for name in BOXES:
        file = tmp_path / "SegmentationClass" / f"{name}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(np.eye(*SIZE[::-1], dtype=np.uint8)).save(file)
    assert read_source(tmp_path, "detection").task == "detection"
    assert read_source(tmp_path, "segmentation").task == "segmentation"
