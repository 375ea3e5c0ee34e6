"""The same boxes written in each format read alike; masks are found beside their images."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_transfer.data.sources.specs import read_source
from tests.support.annotations import (
    BOXES,
    FORMATS,
    SIZE,
    as_coco,
    as_voc,
    boxes_in,
    coco_content,
    image,
)


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
