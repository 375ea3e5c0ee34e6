"""Four images in one, cut where they meet (Bochkovskiy et al. 2020, arXiv:2004.10934), as files."""

import xml.etree.ElementTree as ElementTree

import numpy as np
from PIL import Image

MIDDLE = (0.25, 0.75)  # of both sides: where the four may meet
VISIBLE = 0.25  # share of a box that has to be inside for it to be kept


def add_mosaics(place, names, seed=0):
    """Write as many mosaics of a VOC folder as it has images called `names`; their names."""
    rng, found = np.random.default_rng(seed), []
    for number, name in enumerate(names):
        others = rng.choice([one for one in names if one != name], 3, replace=False)
        found.append(f"mosaic_{number}")
        pixels, boxes = mosaic(place, [name, *others], rng)
        Image.fromarray(pixels).save(place / "JPEGImages" / f"{found[-1]}.jpg", quality=95)
        write_boxes(place / "Annotations" / f"{found[-1]}.xml", found[-1], pixels.shape, boxes)
    return found


def mosaic(place, names, rng):
    """(pixels (h, w, 3), [(class, box)]): each image gives the corner that it lies in."""
    with Image.open(place / "JPEGImages" / f"{names[0]}.jpg") as image:
        pixels = np.array(image.convert("RGB"))
    height, width = pixels.shape[:2]
    row, column = (int(side * rng.uniform(*MIDDLE)) for side in (height, width))
    corners = [(0, 0, column, row), (column, 0, width, row)]
    corners += [(0, row, column, height), (column, row, width, height)]
    boxes = []
    for name, corner in zip(names, corners, strict=True):
        with Image.open(place / "JPEGImages" / f"{name}.jpg") as image:
            part = image.convert("RGB").resize((width, height)).crop(corner)
        pixels[corner[1] : corner[3], corner[0] : corner[2]] = part
        boxes += inside(place / "Annotations" / f"{name}.xml", corner)
    return pixels, boxes


def inside(file, corner):
    """The boxes of a file that lie in a corner, cut at its borders."""
    kept = []
    for thing in ElementTree.parse(file).iter("object"):
        sides = ("xmin", "ymin", "xmax", "ymax")
        box = np.array([float(thing.find(f"bndbox/{side}").text) for side in sides])
        cut = np.array([*np.maximum(box[:2], corner[:2]), *np.minimum(box[2:], corner[2:])])
        area = np.prod(np.maximum(cut[2:] - cut[:2], 0))
        if area > VISIBLE * np.prod(box[2:] - box[:2]) and area > 0:
            kept.append((thing.find("name").text, cut))
    return kept


def write_boxes(file, name, shape, boxes):
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = f"{name}.jpg"
    size = ElementTree.SubElement(root, "size")
    for side, value in zip(("height", "width", "depth"), shape, strict=True):
        ElementTree.SubElement(size, side).text = str(value)
    for kind, box in boxes:
        thing = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(thing, "name").text = kind
        limits = ElementTree.SubElement(thing, "bndbox")
        for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
            ElementTree.SubElement(limits, side).text = str(round(value))
    ElementTree.ElementTree(root).write(file)
