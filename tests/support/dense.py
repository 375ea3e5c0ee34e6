"""Drawn images with boxes, or with masks, of things that a small model learns in seconds."""

import numpy as np
from PIL import Image

KINDS = (("square", 250, (18, 18)), ("bar", 10, (30, 10)))  # name, grey value, width and height
QUICK = {"quiet": True, "export": False, "report": False, "image_size": 64}


def plant_squares(root, counts, size=64, seed=0):
    """Images with light squares and dark bars on noise, as a table of boxes."""
    lines = ["path,split,label,xmin,ymin,xmax,ymax"]
    for name, split, _, boxes in _drawn(root, counts, size, seed):
        lines += [f"{name},{split},{kind},{','.join(map(str, box))}" for kind, box in boxes]
    (root / "metadata.csv").write_text("\n".join(lines) + "\n")
    return root


def plant_masks(root, counts, size=64, seed=0):
    """The same things as masks: 0 nothing, 1 square, 2 bar; 255 in a corner of each."""
    for name, split, pixels, boxes in _drawn(None, counts, size, seed):
        mask = np.zeros((size, size), np.uint8)
        for kind, (left, top, right, bottom) in boxes:
            mask[top:bottom, left:right] = 1 + [known for known, *_ in KINDS].index(kind)
        mask[0, 0] = 255
        for folder, array in (("images", pixels), ("masks", mask)):
            file = root / folder / split / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(file)
    (root / "classes.txt").write_text("nothing\nsquare\nbar\n")
    return root


def _drawn(root, counts, size, seed):
    """(name, split, pixels, [(kind, box)]) of each image; written into `root` if there is one."""
    rng = np.random.default_rng(seed)
    for split, count in counts.items():
        for number in range(count):
            pixels, boxes = rng.integers(90, 130, (size, size, 3)).astype(np.uint8), []
            for kind, value, (width, height) in KINDS:
                x, y = map(int, (rng.integers(0, size - width), rng.integers(0, size - height)))
                pixels[y : y + height, x : x + width] = value
                boxes.append((kind, (x, y, x + width, y + height)))
            name = f"{split}{number}.png"
            if root is not None:
                root.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / name)
            yield name, split, pixels, boxes
