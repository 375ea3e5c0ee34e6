"""Class folders: SPLIT/KIND/*.jpg, and metadata.csv (file_name, label, split)."""

from keras_transfer.data.demo.drawing import draw_image
from keras_transfer.data.demo.layouts.common.files import write_image, write_table

PREFERRED_INPUTS = {}


def save(folder, row):
    path, kind, _, seed, size = row
    write_image(folder / path, draw_image(kind, seed, size))


def finish(folder, rows, found):
    write_table(folder, [("file_name", "label", "split"), *(row[:3] for row in rows)])
