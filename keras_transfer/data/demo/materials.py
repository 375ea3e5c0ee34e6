"""The materials of the demo's parts: a surface as height, colour and gloss of each pixel."""

from dataclasses import dataclass

import numpy as np

from keras_transfer.data.demo import fields as fields

METALS = ((0.50, 0.51, 0.53), (0.42, 0.41, 0.40), (0.60, 0.52, 0.36), (0.55, 0.40, 0.32))
PAINTS = (
    (0.55, 0.56, 0.57),
    (0.08, 0.16, 0.36),
    (0.42, 0.05, 0.05),
    (0.05, 0.22, 0.12),
    (0.68, 0.48, 0.06),
    (0.06, 0.06, 0.07),
    (0.62, 0.63, 0.60),
    (0.22, 0.28, 0.32),
)
PLASTICS = (
    (0.04, 0.04, 0.045),
    (0.35, 0.36, 0.36),
    (0.65, 0.63, 0.55),
    (0.10, 0.20, 0.38),
    (0.48, 0.16, 0.06),
)
WOODS = ((0.46, 0.27, 0.13), (0.60, 0.44, 0.26), (0.24, 0.13, 0.07), (0.52, 0.33, 0.20))
HIDES = ((0.20, 0.09, 0.045), (0.05, 0.04, 0.04), (0.36, 0.20, 0.09), (0.30, 0.05, 0.04))
STONES = ((0.40, 0.39, 0.37), (0.30, 0.30, 0.31), (0.50, 0.45, 0.38))
GLAZES = ((0.72, 0.71, 0.67), (0.55, 0.62, 0.62), (0.62, 0.50, 0.38))


@dataclass
class Surface:
    """What light meets: (size, size) float32 fields, `albedo` (3, size, size) in linear light."""

    height: np.ndarray  # in pixels
    albedo: np.ndarray
    gloss: np.ndarray  # strength of the highlight
    sharpness: int  # the highlight is a cosine to the power of 2 to this
    metal: float  # 1 colours the highlight like the surface, 0 leaves it white
    mirror: float  # how much of a lamp's outline is seen in it
    bright: tuple  # linear colour of what lies under a scratch

    def cover(self, colour, amount):
        """Lay `colour` over it; `amount` (size, size) is the share of each pixel covered."""
        self.albedo += (fields.planes(colour) - self.albedo) * amount

    def tint(self, through, amount):
        """Let only the shares `through` of red, green and blue light pass where `amount` is 1."""
        self.albedo *= 1 - amount * (1 - fields.planes(through))

    def darken(self, amount):
        """Take the share `amount` of each pixel's light."""
        self.albedo *= 1 - amount


def pick(rng, rows):
    """One of the literal rows, a little lighter or darker than it is written."""
    colour = np.array(rows[rng.integers(len(rows))], np.float32)
    tint = np.round(rng.uniform(-0.08, 0.08, 3) + rng.uniform(-0.25, 0.25), 4)
    return colour * (1 + tint).astype(np.float32)


def tinted(colour, shade):
    """(3, size, size) of one colour, made lighter and darker by the field `shade` around 1."""
    return np.maximum(shade, np.float32(0.02)) * fields.planes(colour)


def flat(size, value):
    return np.full((size, size), value, np.float32)


def brushed_metal(rng, size):
    """Steel, brass or copper with a brushed finish: fine streaks along one direction."""
    u, v = fields.turned(size, rng.uniform(0, 3.1416))
    long, fine = np.float32(1 / rng.uniform(50, 160)), np.float32(1 / rng.uniform(1.1, 1.8))
    streaks = fields.lattice(rng, u * long, v * fine)
    streaks += np.float32(0.7) * fields.lattice(rng, u * long * 2, v * np.float32(0.27))
    patches = fields.cloud(rng, size, 60)
    shade = 1 + np.float32(rng.uniform(0.05, 0.14)) * streaks + np.float32(0.03) * patches
    height = np.float32(rng.uniform(0.10, 0.25)) * streaks
    colour = pick(rng, METALS)
    gloss = flat(size, rng.uniform(0.25, 0.6))
    return Surface(height, tinted(colour, shade), gloss, 4, 0.9, 0.15, tuple(colour * 1.5 + 0.1))


def cast_metal(rng, size):
    """Sand-cast or shot-blasted metal: dull, with grains a few pixels wide."""
    grain = rng.uniform(2.2, 5)
    bumps = fields.cloud(rng, size, grain) + np.float32(0.6) * fields.cloud(rng, size, grain * 2.3)
    patches = fields.clouds(rng, size, 70, 3)
    shade = 1 + np.float32(0.06) * bumps + np.float32(0.06) * patches
    height = np.float32(rng.uniform(0.08, 0.25)) * bumps + np.float32(0.2) * patches
    colour = pick(rng, METALS[:2]) * np.float32(rng.uniform(0.4, 0.9))
    gloss = flat(size, rng.uniform(0.1, 0.3))
    return Surface(height, tinted(colour, shade), gloss, 3, 0.8, 0.0, tuple(colour * 1.6 + 0.15))


def painted_metal(rng, size):
    """Sprayed paint with its orange peel: smooth colour, shallow waves, a clear highlight."""
    peel = fields.cloud(rng, size, rng.uniform(5, 9)) + fields.cloud(rng, size, 15)
    bend = fields.cloud(rng, size, 150)
    height = np.float32(rng.uniform(0.03, 0.14)) * peel + np.float32(2.5) * bend
    flakes = rng.standard_normal((size, size), np.float32) * np.float32(rng.uniform(0, 0.06))
    colour = pick(rng, PAINTS)
    under = (0.55, 0.55, 0.54) if rng.random() < 0.6 else tuple(colour * 0.5 + 0.25)
    gloss = flat(size, rng.uniform(0.2, 0.6))
    return Surface(height, tinted(colour, 1 + flakes), gloss, 5, 0.1, 0.5, under)


def machined_metal(rng, size):
    """A turned or milled face: rings or sweeps of a tool, evenly spaced."""
    u, v = fields.turned(size, rng.uniform(0, 6.2832))
    far = np.float32(rng.uniform(0.2, 3) * size)
    away = np.sqrt((u - far) * (u - far) + v * v)
    pitch = np.float32(1 / rng.uniform(3.5, 9))
    wobble = fields.cloud(rng, size, 50) * np.float32(0.15)
    rings = fields.wave(away * pitch + wobble)
    rings += np.float32(1.0) * fields.lattice(rng, away * np.float32(0.6), u * np.float32(0.01))
    depth = 1 + np.float32(0.3) * fields.cloud(rng, size, 60)
    colour = pick(rng, METALS[:3])
    shade = 1 + np.float32(rng.uniform(0.03, 0.09)) * rings * depth
    height = np.float32(rng.uniform(0.05, 0.12)) * rings * depth
    gloss = flat(size, rng.uniform(0.25, 0.5))
    return Surface(height, tinted(colour, shade), gloss, 4, 0.9, 0.1, tuple(colour * 1.5 + 0.1))


def wood(rng, size):
    """Sawn and oiled wood: year rings cut lengthwise, and short dark pores."""
    u, v = fields.turned(size, rng.uniform(0, 3.1416))
    ring = np.float32(1 / rng.uniform(10, 30))
    bend = fields.cloud(rng, size, 110) * np.float32(9) + u * np.float32(rng.uniform(-0.12, 0.12))
    across = (v + bend) * ring
    late = fields.lattice(rng, u * np.float32(0.004), across * 2)
    late += np.float32(0.5) * fields.wave(across + fields.lattice(rng, u * ring / 5, across))
    fibre = fields.lattice(rng, u * np.float32(0.03), (v + bend) * np.float32(0.8))
    pores = fields.lattice(rng, u * np.float32(0.07), (v + bend) * np.float32(0.55))
    pores = fields.step(pores, rng.uniform(0.5, 0.7), 0.95)
    shade = 1 - np.float32(rng.uniform(0.05, 0.16)) * late + np.float32(0.05) * fibre
    shade -= np.float32(0.2) * pores
    height = np.float32(0.1) * fibre - np.float32(0.4) * pores
    colour = pick(rng, WOODS)
    warm = tinted(colour, shade) * (1 + late * fields.planes((0, 0.03, 0.08)))
    gloss = flat(size, rng.uniform(0.03, 0.2))
    return Surface(height, warm, gloss, 3, 0.0, 0.0, tuple(colour * 1.3 + 0.12))


def carbon_weave(rng, size):
    """Carbon or glass fibre in twill weave under resin."""
    u, v = fields.turned(size, rng.uniform(0, 3.1416))
    tow = np.float32(1 / rng.uniform(9, 20))
    warp = fields.cloud(rng, size, 60) * np.float32(0.06)
    a, b = u * tow + warp, v * tow - warp
    over = np.floor(a) + np.floor(b)
    upper = (over - 4 * np.floor(over / 4)) < 2
    across = np.where(upper, a - np.floor(a), b - np.floor(b)) - np.float32(0.5)
    along = np.where(upper, b, a)
    hair = fields.lattice(rng, along * np.float32(0.4), across * 16 + np.where(upper, 40, 0))
    height = -across * across * np.float32(rng.uniform(0.4, 1.3)) + np.float32(0.05) * hair
    height = fields.soften(height)
    tone = np.where(upper, np.float32(1.1), np.float32(0.9)) + np.float32(0.09) * hair
    colour = (0.07, 0.07, 0.075) if rng.random() < 0.6 else pick(rng, PLASTICS) * 0.8 + 0.05
    gloss = np.float32(rng.uniform(0.2, 0.5)) * fields.soften(tone)
    bright = tuple(np.asarray(colour) * 0.7 + 0.3)
    return Surface(height, tinted(colour, fields.soften(tone)), gloss, 3, 0.2, 0.25, bright)


def leather(rng, size):
    """Grained leather or its imitation: rounded cells with creases between them."""
    scale = rng.uniform(5, 10)
    first, second = fields.cells(rng, size, scale)
    crease = fields.step(second - first, 0.0, 0.5)
    fine = fields.cloud(rng, size, 2.5)
    patches = fields.clouds(rng, size, 80, 2)
    height = np.float32(scale * rng.uniform(0.02, 0.05)) * crease + np.float32(0.12) * fine
    height += np.float32(0.5) * patches
    shade = np.float32(0.96) + np.float32(0.05) * crease + np.float32(0.05) * patches
    colour = pick(rng, HIDES)
    gloss = np.float32(rng.uniform(0.05, 0.2)) * crease
    return Surface(height, tinted(colour, shade), gloss, 3, 0.0, 0.0, tuple(colour * 0.8 + 0.2))


def stone(rng, size):
    """Concrete, cement board or honed stone: blotches, sand, darker and lighter grains."""
    blotch = fields.clouds(rng, size, 90, 5, 0.6)
    sand = rng.standard_normal((size, size), np.float32)
    grains = fields.cloud(rng, size, rng.uniform(3, 8))
    dark, light = fields.step(grains, 1.1, 2), fields.step(-grains, 1.2, 2)
    shade = 1 + np.float32(0.06) * blotch + np.float32(0.05) * sand
    shade += np.float32(rng.uniform(0, 0.2)) * light - np.float32(rng.uniform(0, 0.2)) * dark
    height = np.float32(0.25) * blotch + np.float32(0.10) * sand
    colour = pick(rng, STONES)
    gloss = flat(size, rng.uniform(0.0, 0.08))
    return Surface(height, tinted(colour, shade), gloss, 3, 0.0, 0.0, tuple(colour * 1.1 + 0.12))


def moulded_plastic(rng, size):
    """An injection-moulded cover with the fine grain of an eroded mould."""
    grain = rng.uniform(1.8, 3.5)
    bumps = fields.cloud(rng, size, grain)
    bumps = bumps * np.float32(0.6) + np.abs(fields.cloud(rng, size, grain * 1.7))
    bend = fields.cloud(rng, size, 140)
    height = np.float32(rng.uniform(0.04, 0.18)) * bumps + np.float32(1.2) * bend
    colour = pick(rng, PLASTICS)
    gloss = flat(size, rng.uniform(0.08, 0.3))
    under = tuple(colour * 0.7 + 0.22)
    return Surface(height, tinted(colour, 1 + 0.03 * bumps), gloss, 4, 0.0, 0.1, under)


def glazed_tile(rng, size):
    """Glazed ceramic: pale, glossy, with specks in the glaze."""
    blotch = fields.clouds(rng, size, 60, 3)
    specks = fields.step(fields.cloud(rng, size, rng.uniform(2, 4)), 2.0, 2.8)
    shade = 1 + np.float32(0.03) * blotch - np.float32(rng.uniform(0, 0.5)) * specks
    height = np.float32(1.2) * fields.cloud(rng, size, 120) + np.float32(0.12) * blotch
    colour = pick(rng, GLAZES)
    gloss = flat(size, rng.uniform(0.25, 0.5))
    return Surface(height, tinted(colour, shade), gloss, 5, 0.0, 0.5, (0.45, 0.36, 0.28))


MATERIALS = (
    brushed_metal,
    cast_metal,
    painted_metal,
    machined_metal,
    wood,
    carbon_weave,
    leather,
    stone,
    moulded_plastic,
    glazed_tile,
)
