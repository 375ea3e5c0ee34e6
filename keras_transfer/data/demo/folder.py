"""The embedded demo: a few hundred images, drawn when they are first asked for."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from keras_transfer.config import find_in
from keras_transfer.data.demo.defects import DEFECTS
from keras_transfer.data.demo.drawing import draw_image
from keras_transfer.environment import atomic_write, cache_folder
from keras_transfer.errors import UserError
from keras_transfer.progress import bar

LAYOUTS = "data.demo.layouts"
VERSION = 1  # counts up when a drawn image changes, so that no old set is taken for the new one
PER_KIND = 66  # two thirds train, one third val
SIZES = (288, 304, 320)  # pixels a side
FORGOTTEN = 3600  # seconds after which a half-drawn folder belongs to a process that was killed


def demo_folder(per_kind=PER_KIND, layout="classes"):
    """The folder of the drawn images, drawn now if this is the first call on this machine.

    Args:
        layout: a file of `layouts`, which says what it holds.

    Raises:
        UserError: the cache folder cannot be written.
    """
    rows, room = list_images(per_kind), find_in(LAYOUTS, "demo", layout)
    name = "demo" if layout == "classes" else f"demo-{layout}"
    folder = cache_folder() / f"{name}-v{VERSION}-{len(rows)}"
    if not folder.is_dir():  # it got its name only when it was whole
        _sweep(folder)
        try:
            with atomic_write(folder, replace=False) as growing:
                _draw_all(growing, rows, room.save, room.finish)
        except UserError as error:
            advice = "Name a folder with room for it in KERAS_TRANSFER_CACHE"
            raise UserError("the demo images cannot be written", error, advice) from error
    return folder


def preferred_inputs(layout):
    """Settings of the inputs with which such a set is learned in a minute or two."""
    return find_in(LAYOUTS, "demo", layout).PREFERRED_INPUTS


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


def _draw_all(folder, rows, save, finish):
    # threads, not processes: numpy lets go of the interpreter's lock on arrays of this size, and
    # forking is not safe once TensorFlow is loaded
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        with bar("Drawing images", len(rows)) as advance:
            found = []
            for kept in pool.map(lambda row: save(folder, row), rows):
                found.append(kept)
                advance()
    finally:
        pool.shutdown(cancel_futures=True)
    finish(folder, rows, found)


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
