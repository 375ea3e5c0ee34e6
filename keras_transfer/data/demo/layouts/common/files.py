"""Files of the demo."""

import csv

JPEG_QUALITY = 92


def write_image(path, pixels):
    """Write pixels as a JPEG file, and its folder."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "JPEG", quality=JPEG_QUALITY)


def write_table(folder, rows):
    """Write metadata.csv; rows: the names of its columns first."""
    with open(folder / "metadata.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
