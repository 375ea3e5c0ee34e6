"""Where the defect of a drawn surface is: as a mask, and as boxes."""

import numpy as np

RAISED = 0.35  # pixels of height that can be seen as light and shade
SHADED = 0.12  # share of the colour that can be seen as such
APART = 31  # pixels between two defects that have a box each
LEAST_PIXELS = 24  # of a defect


def defect_mask(surface, height, albedo):
    """What differs from the surface before, its `height` and `albedo`: bool (size, size)."""
    raised = np.abs(surface.height - height) > RAISED
    change = np.abs(surface.albedo - albedo).max(axis=0)
    return raised | (change > SHADED * np.maximum(albedo.max(axis=0), 0.05))


def boxes_in(mask):
    """[(xmin, ymin, xmax, ymax)] of the defects in a mask, in pixels."""
    from scipy.ndimage import find_objects, label, maximum_filter

    numbers, _ = label(maximum_filter(mask, APART // 2 * 2 + 1))
    found = []
    for number, part in enumerate(find_objects(numbers), start=1):
        own = mask[part] & (numbers[part] == number)
        if own.sum() >= LEAST_PIXELS:
            rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
            top, left = part[0].start, part[1].start
            found.append(
                tuple(
                    map(
                        int,
                        (
                            left + columns[0],
                            top + rows[0],
                            left + columns[-1] + 1,
                            top + rows[-1] + 1,
                        ),
                    )
                )
            )
    return found
