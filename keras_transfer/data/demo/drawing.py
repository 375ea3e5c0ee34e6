"""The embedded demo: a few hundred images of parts with and without defects, drawn when needed.

Surface inspection: ten materials, each with five kinds of defect and without one, under varied
light, with seams, holes, edges, dust and shadows that are no defects. Nothing is downloaded, and
the same seed gives the same image on every machine.
"""

import csv
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from keras_transfer.data.demo import camera, clutter
from keras_transfer.data.demo.defects import DEFECTS
from keras_transfer.data.demo.materials import MATERIALS
from keras_transfer.environment import atomic_write, cache_folder
from keras_transfer.errors import UserError, unknown_name
from keras_transfer.progress import bar

VERSION = 1  # counts up when a drawn image changes, so that no old set is taken for the new one
PER_KIND = 66  # two thirds train, one third val
SIZES = (288, 304, 320)  # pixels a side
JPEG_QUALITY = 92
FORGOTTEN = 3600  # seconds after which a half-drawn folder belongs to a process that was killed


def draw_image(kind, seed, size=320):
    """One image of a part, (size, size, 3) uint8 RGB; equal arguments give equal bytes.

    Args:
        kind: a key of DEFECTS; `good` has none.
        seed: draws all of it; its last digit is the material, so that no kind has a favourite.
        size: pixels a side; dents and stains grow with it, grain and grooves do not.

    Raises:
        UserError: there is no such kind.
    """
    if kind not in DEFECTS:
        raise unknown_name("kind of demo image", kind, DEFECTS)
    rng = np.random.default_rng(seed)
    surface = MATERIALS[seed % len(MATERIALS)](rng, size)
    place = rng.uniform(0.27, 0.73, 2) * size
    clutter.add(clutter.BENEATH, rng, surface, place)
    DEFECTS[kind](rng, surface, place)
    clutter.add(clutter.ABOVE, rng, surface, place)
    light = camera.shade(rng, surface, clutter.shadow(rng, size))
    return camera.expose(rng, light)


def demo_folder(per_kind=PER_KIND):
    """The folder of the drawn images, drawn now if this is the first call on this machine.

    It holds `train/KIND/*.jpg`, `val/KIND/*.jpg` and `metadata.csv` (file_name,label,split).

    Raises:
        UserError: the cache folder cannot be written.
    """
    rows = list_images(per_kind)
    folder = cache_folder() / f"demo-v{VERSION}-{len(rows)}"
    if not folder.is_dir():  # it got its name only when it was whole
        _sweep(folder)
        try:
            with atomic_write(folder, replace=False) as growing:
                _draw_all(growing, rows)
        except UserError as error:
            advice = "Name a folder with room for it in KERAS_TRANSFER_CACHE"
            raise UserError("the demo images cannot be written", error, advice) from error
    return folder


def list_images(per_kind=PER_KIND):
    """Path, kind, split, seed and size of each image of the set, without drawing any."""
    rows = []
    for kind_number, kind in enumerate(DEFECTS):
        for number in range(per_kind):
            split = "val" if number % 3 == 2 else "train"
            path = f"{split}/{kind}/{kind}_{number:03}.jpg"
            size = SIZES[number // 3 % len(SIZES)]
            rows.append((path, kind, split, 1000 * kind_number + number, size))
    return rows


def _sweep(folder):
    """Remove what killed processes left half drawn."""
    for left in folder.parent.glob(f".{folder.name}.*"):
        if time.time() - left.stat().st_mtime > FORGOTTEN:
            shutil.rmtree(left, ignore_errors=True)


def _draw_all(folder, rows):
    # threads, not processes: numpy lets go of the interpreter's lock on arrays of this size, and
    # forking is not safe once TensorFlow is loaded
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        with bar("Drawing images", len(rows)) as advance:
            for _ in pool.map(lambda row: _save(folder, row), rows):
                advance()
    finally:
        pool.shutdown(cancel_futures=True)
    with open(folder / "metadata.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("file_name", "label", "split"))
        table.writerows(row[:3] for row in rows)


def _save(folder, row):
    from PIL import Image

    path, kind, _, seed, size = row
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(draw_image(kind, seed, size))
    image.save(folder / path, "JPEG", quality=JPEG_QUALITY)


def contact_sheet(path, per_kind=8, side=144):
    """Write one image file with a labelled row of `per_kind` examples of each kind."""
    from PIL import Image, ImageDraw

    rows = [row for row in list_images() if row[2] == "train"]
    margin = 64
    sheet = Image.new("RGB", (margin + per_kind * side, len(DEFECTS) * side), "white")
    text = ImageDraw.Draw(sheet)
    for down, kind in enumerate(DEFECTS):
        text.text((6, down * side + side // 2 - 6), kind, fill="black")
        examples = [row for row in rows if row[1] == kind][:per_kind]
        for right, (_, _, _, seed, size) in enumerate(examples):
            image = Image.fromarray(draw_image(kind, seed, size)).resize((side, side))
            sheet.paste(image, (margin + right * side, down * side))
    sheet.save(Path(path))
