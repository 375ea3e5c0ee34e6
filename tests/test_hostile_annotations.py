"""Hostile annotation files are named and skipped, or refused in a line."""

import json

import pytest

from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from tests.support.annotations import (
    as_voc,
    as_yolo,
    boxes_in,
    coco_content,
    image,
)


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
