"""The same images, and metadata.csv with a row for each box; one without for an image of none."""

from keras_transfer.data.demo.drawing import draw_with_mask
from keras_transfer.data.demo.layouts.common.files import write_image, write_table
from keras_transfer.data.demo.masks import boxes_in

PREFERRED_INPUTS = {"image_size": 224}


def save(folder, row):
    path, kind, _, seed, size = row
    pixels, mask = draw_with_mask(kind, seed, size)
    write_image(folder / path, pixels)
    return boxes_in(mask)


def finish(folder, rows, found):
    table = [("file_name", "split", "label", "xmin", "ymin", "xmax", "ymax")]
    for (path, kind, split, *_), boxes in zip(rows, found, strict=True):
        table += [(path, split, kind, *box) for box in boxes] or [(path, split, *[""] * 5)]
    write_table(folder, table)
