"""The embedded demo: the same images everywhere, drawn once, never half."""

import csv
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_transfer.config import make_config
from keras_transfer.data.demo import folder as demo
from keras_transfer.data.demo.defects import DEFECTS
from keras_transfer.data.demo.drawing import draw_image
from keras_transfer.data.demo.layouts import classes
from keras_transfer.data.demo.materials import MATERIALS
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from keras_transfer.strategies import settle_config

FEW = 3  # images a kind: two train, one val
ROOT = Path(__file__).resolve().parent.parent
GOLDEN = "fa6f355e17f04706246e5f8e6777e92733873754aac8ace5a2731a7dab74165c"
DIGEST = """
import hashlib
from keras_transfer.data.demo import drawing as demo
digest = hashlib.sha256()
for number, kind in enumerate(demo.DEFECTS):
    digest.update(demo.draw_image(kind, 1001 * number, 96).tobytes())
print(digest.hexdigest())
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_TRANSFER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def read_rows(folder):
    with open(folder / "metadata.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", DEFECTS)
def test_same_seed_same_bytes_other_seed_other_image(kind):
    first = draw_image(kind, 7, 96)
    assert first.shape == (96, 96, 3)
    assert first.dtype == np.uint8
    assert (first == draw_image(kind, 7, 96)).all()
    assert (first != draw_image(kind, 17, 96)).mean() > 0.5


@pytest.mark.parametrize("disabled", ["", "X86_V4 X86_V3 AVX512F AVX512_SKX AVX2 FMA3"])
def test_same_bytes_whatever_the_processor_offers(disabled):
    """The golden digest, with and without wide vector units."""
    known = {**os.environ, "PYTHONPATH": str(ROOT), "NPY_DISABLE_CPU_FEATURES": disabled}
    command = [sys.executable, "-W", "ignore", "-c", DIGEST]
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == GOLDEN


def test_a_defect_changes_the_image_only_around_its_place():
    """The material is drawn before the defect, so equal seeds show the same material."""
    for kind in set(DEFECTS) - {"good"}:
        rng = np.random.default_rng(3)
        surface = MATERIALS[3](rng, 128)
        before = surface.height.copy(), surface.albedo.copy()
        DEFECTS[kind](rng, surface, np.array((64.0, 64.0)))
        changed = (surface.height != before[0]) | (surface.albedo != before[1]).any(axis=0)
        assert changed[44:84, 44:84].mean() > 0.03, kind
        assert changed.mean() > 0.005, kind


@pytest.mark.parametrize("material", MATERIALS, ids=lambda material: material.__name__)
def test_each_material_is_textured_and_well_exposed(material):
    seed = MATERIALS.index(material)
    for number in range(3):
        image = draw_image("good", seed + 10 * number, 128).astype(float)
        assert 25 < image.mean() < 230
        assert image.std() > 3
        assert ((image == 0) | (image == 255)).mean() < 0.2


def test_an_unknown_kind_offers_the_nearest():
    with pytest.raises(UserError, match="Did you mean scratch"):
        draw_image("scratches", 0)


def test_seeds_are_unique_and_materials_alike_in_all_kinds():
    rows = demo.list_images()
    assert 320 <= len(rows) <= 400
    assert len({seed for *_, seed, _ in rows}) == len(rows)
    shares = Counter((kind, split, seed % len(MATERIALS)) for _, kind, split, seed, _ in rows)
    assert len(shares) == len(DEFECTS) * 2 * len(MATERIALS)
    for split in ("train", "val"):
        for material in range(len(MATERIALS)):
            assert len({shares[kind, split, material] for kind in DEFECTS}) == 1


def test_each_kind_is_in_both_splits_and_balanced():
    folder = demo.demo_folder(FEW)
    rows = read_rows(folder)
    assert list(rows[0]) == ["file_name", "label", "split"]
    counts = Counter((row["label"], row["split"]) for row in rows)
    assert counts == {(kind, s): n for kind in DEFECTS for s, n in (("train", 2), ("val", 1))}
    for row in rows:
        assert row["file_name"].startswith(f"{row['split']}/{row['label']}/")
        with Image.open(folder / row["file_name"]) as image:
            assert image.format == "JPEG"
            assert image.size[0] == image.size[1] in demo.SIZES
    drawn = {path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg")}
    assert drawn == {row["file_name"] for row in rows}


def test_a_second_call_draws_nothing(monkeypatch):
    folder = demo.demo_folder(FEW)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    monkeypatch.setattr(classes, "draw_image", None)
    assert demo.demo_folder(FEW) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_interrupted_drawing_leaves_nothing_half(cache, monkeypatch):
    draw, calls = draw_image, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return draw(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(classes, "draw_image", interrupted)
        with pytest.raises(KeyboardInterrupt):
            demo.demo_folder(FEW)
    assert list(cache.iterdir()) == []
    assert len(read_rows(demo.demo_folder(FEW))) == FEW * len(DEFECTS)


def test_what_a_killed_process_left_is_swept(cache):
    old, new = (cache / f".demo-v{demo.VERSION}-{FEW * len(DEFECTS)}.{name}" for name in "ab")
    for left in (old, new):
        left.mkdir(parents=True)
    os.utime(old, (time.time() - 2 * demo.FORGOTTEN,) * 2)
    demo.demo_folder(FEW)
    assert not old.exists()
    assert new.exists()  # perhaps another process is at work in it


def test_two_at_once_end_with_one_whole_folder(cache):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(demo.demo_folder, (FEW, FEW))
    assert first == second
    assert [path.name for path in cache.iterdir()] == [first.name]
    rows = read_rows(first)
    assert len(rows) == FEW * len(DEFECTS)
    assert all((first / row["file_name"]).stat().st_size for row in rows)


def test_two_processes_at_once_end_with_one_whole_folder(cache):
    code = f"from keras_transfer.data.demo import folder as demo; print(demo.demo_folder({FEW}))"
    known = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    pipes = {"stdout": subprocess.PIPE, "text": True, "stderr": subprocess.PIPE}
    running = [subprocess.Popen(command, env=known, **pipes) for _ in range(2)]
    predictions = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], predictions
    assert predictions[0][0] == predictions[1][0]
    assert len(list(cache.iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_named(cache):
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file where the folder should be")
    with pytest.raises(UserError, match="KERAS_TRANSFER_CACHE"):
        demo.demo_folder(FEW)


def test_the_contact_sheet_has_a_row_of_images_for_each_kind(tmp_path):
    demo.contact_sheet(tmp_path / "sheet.png", per_kind=2, side=48)
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape[0] == 48 * len(DEFECTS)
    for row in np.split(pixels, len(DEFECTS)):
        assert row[:, -48:].std() > 3  # the last image
        assert (row[:, :60] < 100).any()  # the label


def test_boxes_of_the_demo_lie_about_what_its_masks_show():
    boxes, masks = (demo.demo_folder(FEW, layout) for layout in ("detection", "segmentation"))
    names = (masks / "classes.txt").read_text().split()
    assert names == ["good", "crack", "dent", "pits", "scratch", "stain"]
    rows = read_rows(boxes)
    assert {row["label"] for row in rows} == {"", *DEFECTS} - {"good"}
    assert [row["file_name"] for row in rows if not row["label"]]
    for row in (row for row in rows if row["label"]):
        name = Path(row["file_name"]).stem
        mask = np.asarray(Image.open(masks / "masks" / row["split"] / f"{name}.png"))
        left, top, right, bottom = (int(row[side]) for side in ("xmin", "ymin", "xmax", "ymax"))
        inside = mask[top:bottom, left:right] == names.index(row["label"])
        for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
            assert edge.any()
        image = masks / "images" / row["split"] / f"{name}.jpg"
        assert image.read_bytes() == (boxes / row["file_name"]).read_bytes()


@pytest.mark.parametrize("layout", ["detection", "segmentation"])
def test_a_demo_says_which_size_it_is_quick_at(layout, monkeypatch):
    monkeypatch.setattr(demo.demo_folder, "__defaults__", (FEW, "classes"))
    source, config = read_source(f"demo:{layout}"), make_config()
    assert settle_config(config, source).image_size == demo.preferred_inputs(layout)["image_size"]
    assert settle_config(replace(config, image_size=64), source).image_size == 64
