"""A map of evidence over an example, so that both can be seen."""

import numpy as np

# The colour map inferno of matplotlib (van der Walt and Smith 2015, CC0) in 17 steps: its lightness
# rises evenly, so that it reads the same in grey, in print and with any colour blindness.
INFERNO = (
    (0, 0, 4),
    (11, 7, 36),
    (33, 12, 74),
    (61, 9, 101),
    (87, 16, 110),
    (113, 25, 110),
    (138, 34, 106),
    (163, 44, 97),
    (188, 55, 84),
    (210, 70, 68),
    (228, 90, 49),
    (241, 115, 29),
    (249, 142, 9),
    (252, 172, 17),
    (249, 203, 53),
    (242, 234, 105),
    (252, 255, 164),
)
FADED = 0.55  # how bright the example stays where there is no evidence
STRONGEST = 0.75  # how opaque the colour is where evidence is strongest


def overlay(pixels, heat):
    """Colour an example by its evidence: uint8 (height, width, 3).

    Where there is none the example is grey and darker; where there is much it has a warm colour.
    Lightness rises with the evidence.

    Args:
        pixels: uint8 (height, width, 3).
        heat: (height, width) in 0..1, a map of the same size.

    Raises: ValueError where the sizes differ.
    """
    pixels, heat = np.asarray(pixels), np.clip(np.asarray(heat, np.float32), 0, 1)[..., None]
    if pixels.shape[:2] != heat.shape[:2]:
        raise ValueError(f"a map of {heat.shape[:2]} does not lie on pixels of {pixels.shape[:2]}")
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)  # luma of ITU-R BT.601
    opacity = STRONGEST * heat
    under = grey[..., None] * (FADED + (1 - FADED) * heat)
    mixed = (1 - opacity) * under + opacity * colours(heat[..., 0])
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def colours(heat):
    """RGB 0..255 (..., 3), float32, of values in 0..1."""
    steps = np.linspace(0, 1, len(INFERNO))
    channels = [np.interp(heat, steps, channel) for channel in zip(*INFERNO, strict=True)]
    return np.stack(channels, axis=-1).astype(np.float32)
