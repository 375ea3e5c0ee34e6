"""The images of the embedded demo: parts with and without defects.

Surface inspection: ten materials, each with five kinds of defect and without one, under varied
light, with seams, holes, edges, dust and shadows that are no defects. Nothing is downloaded, and
the same seed gives the same image on every machine.
"""

import numpy as np

from keras_transfer.data.demo import camera, clutter
from keras_transfer.data.demo.defects import DEFECTS
from keras_transfer.data.demo.masks import defect_mask
from keras_transfer.data.demo.materials import MATERIALS
from keras_transfer.errors import unknown_name


def draw_image(kind, seed, size=320):
    """One image of a part, (size, size, 3) uint8 RGB; equal arguments give equal bytes.

    Args:
        kind: a key of DEFECTS; `good` has none.
        seed: draws all of it; its last digit is the material, so that no kind has a favourite.
        size: pixels a side; dents and stains grow with it, grain and grooves do not.

    Raises:
        UserError: there is no such kind.
    """
    return draw_with_mask(kind, seed, size)[0]


def draw_with_mask(kind, seed, size=320):
    """The same, and where the defect is, bool (size, size)."""
    if kind not in DEFECTS:
        raise unknown_name("kind of demo image", kind, DEFECTS)
    rng = np.random.default_rng(seed)
    surface = MATERIALS[seed % len(MATERIALS)](rng, size)
    place = rng.uniform(0.27, 0.73, 2) * size
    clutter.add(clutter.BENEATH, rng, surface, place)
    before = surface.height.copy(), surface.albedo.copy()
    DEFECTS[kind](rng, surface, place)
    mask = defect_mask(surface, *before)
    clutter.add(clutter.ABOVE, rng, surface, place)
    light = camera.shade(rng, surface, clutter.shadow(rng, size))
    return camera.expose(rng, light), mask
