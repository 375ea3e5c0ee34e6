"""The defects of the demo: each changes height, colour and gloss of a surface around a place."""

import math

import numpy as np

from keras_transfer.data.demo import fields as fields

STAINS = (  # share of red, green and blue light that the stain lets through
    (0.58, 0.30, 0.13),  # rust
    (0.30, 0.23, 0.15),  # oil
    (0.60, 0.47, 0.29),  # coffee, resin
    (0.36, 0.52, 0.60),  # coolant
    (0.36, 0.36, 0.38),  # soot
)


def good(rng, surface, place):
    """Nothing: a part as it should be."""


def lightness(surface, place):
    """Green light that the surface gives back around `place`."""
    x, y = np.clip(np.rint(place).astype(int), 8, surface.height.shape[0] - 9)
    return float(np.sort(surface.albedo[1, y - 8 : y + 9, x - 8 : x + 9], axis=None)[144])


def scratch(rng, surface, place):
    """A bundle of nearly parallel scratches: grooves, raised rims, bare ground or dirt in them."""
    size = surface.height.shape[0]
    groove, rim = np.zeros((2, size, size), np.float32)
    angle = rng.uniform(0, 6.2832)
    length = rng.uniform(0.7, 1.4) * size
    lines = int(rng.integers(4, 18))
    widest = rng.uniform(1.4, 2.7)
    wander = rng.uniform(0, 0.15)
    for _ in range(lines):
        beside = rng.normal(0, 8 + 2.5 * lines, 2)
        part = length * rng.uniform(0.35, 1)
        x, y = fields.walk(rng, place + beside, angle + rng.normal(0, 0.05), part, wander)
        x, y = x - (x[-1] - x[0]) / 2, y - (y[-1] - y[0]) / 2
        press = fields.uneven(rng, len(x), 40, 0.55) * fields.taper(len(x), rng.uniform(0.05, 0.5))
        press = press * fields.uneven(rng, len(x), 6, rng.uniform(0.4, 0.9))
        width = widest * rng.uniform(0.5, 1) * (0.4 + 0.6 * press)
        fields.stroke(groove, x, y, width, press)
        fields.stroke(rim, x[::3], y[::3], (width * 2 + 0.5)[::3], press[::3])
    depth = rng.uniform(1.2, 3)
    surface.height += np.float32(depth * 0.6) * rim - np.float32(depth * 1.4) * groove
    shown = np.float32(rng.uniform(0.75, 1)) * np.minimum(groove * np.float32(1.4), 1)
    bare = np.asarray(surface.bright, np.float32)
    pale = lightness(surface, place) > 0.6 * float(bare.max())
    dirty = rng.random() < (0.6 if pale else 0.15)
    surface.cover(bare * np.float32(0.15) if dirty else bare, shown)
    surface.gloss *= 1 - np.float32(0.5) * rim


def jagged(rng, start, angle, length, width):
    """Points and half-widths of one arm of a crack: straight bits of a few pixels with corners."""
    x, y = [start[0]], [start[1]]
    heading = angle
    gone = 0.0
    while gone < length:
        bit = rng.uniform(2, 11)
        heading += (angle - heading) * 0.35 + rng.normal(0, 0.5)
        cos, sin = fields.turn(heading)
        count = int(bit * 2) + 1
        along = np.arange(1, count + 1) * (bit / count)
        x.extend(x[-1] + along * cos)
        y.extend(y[-1] + along * sin)
        gone += bit
    x, y = np.array(x), np.array(y)
    left = 1 - np.arange(len(x)) / len(x)
    return x, y, width * (0.15 + 0.85 * left) * fields.uneven(rng, len(x), 7, 0.35)


def crack(rng, surface, place):
    """A branching crack: dark, jagged, thinning out towards its ends, its lips a little raised."""
    size = surface.height.shape[0]
    gap, lips = np.zeros((2, size, size), np.float32)
    start, angle = place, rng.uniform(0, 6.2832)
    width = rng.uniform(1.3, 3.2)
    length = rng.uniform(0.35, 0.75) * size
    arms = [(start, angle, length, width)]
    arms.append((start, angle + 3.1416 + rng.normal(0, 0.3), length * rng.uniform(0.1, 0.9), width))
    forks = int(rng.integers(2, 9))
    while arms:
        start, angle, length, width = arms.pop()
        x, y, widths = jagged(rng, start, angle, length, width)
        fields.stroke(gap, x, y, widths, 1.0)
        fields.stroke(lips, x[::3], y[::3], widths[::3] * 3 + 1, 1.0)
        if forks and length > 20:
            forks -= 1
            at = int(len(x) * rng.uniform(0.15, 0.8))
            beside = rng.choice((-1, 1)) * rng.uniform(0.4, 1.1)
            rest = length * rng.uniform(0.25, 0.7)
            arms.append(((x[at], y[at]), angle + beside, rest, max(widths[at], 0.4) * 0.8))
    surface.height += np.float32(rng.uniform(0, 0.7)) * lips - np.float32(1.5) * gap
    surface.darken(np.float32(rng.uniform(0.75, 0.97)) * gap)
    surface.gloss *= 1 - gap


def blob(rng, size, middle, radius, ragged):
    """1 in the middle of an uneven round patch, falling through 0 at its rim and on below it."""
    angle, long = rng.uniform(0, 3.1416), rng.uniform(1, 1.9)
    x, y = fields.grid(size)
    cos, sin = fields.turn(angle)
    x, y = x - np.float32(middle[0]), y - np.float32(middle[1])
    u, v = (x * cos + y * sin) / np.float32(long), y * cos - x * sin
    uneven = fields.clouds(rng, size, max(radius * 0.9, 6), 3, 0.55)
    distance = np.sqrt(u * u + v * v) / np.float32(radius)
    return 1 - distance + np.float32(ragged) * uneven


def stain(rng, surface, place):
    """Soft-edged blotches of rust, oil or dried water, darker at the rim, duller or glossier."""
    size = surface.height.shape[0]
    radius = rng.uniform(0.18, 0.32) * size
    inside = blob(rng, size, place, radius, rng.uniform(0.12, 0.4))
    for _ in range(int(rng.integers(2, 9))):
        beside = place + rng.normal(0, radius * 1.3, 2)
        drop = blob(rng, size, beside, radius * rng.uniform(0.08, 0.5), rng.uniform(0.1, 0.4))
        inside = np.maximum(inside, drop)
    soft = rng.uniform(0.08, 0.45)
    mask = fields.step(inside, -soft * 0.5, soft)
    rim = fields.step(inside, -soft * 0.4, soft * 0.3)
    rim *= fields.step(inside, soft + 0.25, soft * 0.3)
    cloudy = np.clip(1 + np.float32(0.25) * fields.clouds(rng, size, 14, 3), 0.2, 1.6)
    strength = np.float32(rng.uniform(0.72, 1))
    amount = np.clip(strength * mask * cloudy + np.float32(rng.uniform(0, 0.35)) * rim, 0, 1)
    if rng.random() < 0.5 and lightness(surface, place) < 0.2:  # lime, dried coolant: lies on top
        surface.cover((0.5, 0.5, 0.47), amount * np.float32(0.6))
    else:
        surface.tint(STAINS[rng.integers(len(STAINS))], amount)
    surface.gloss *= 1 + mask * np.float32(rng.uniform(-0.8, 0.4))


def dent(rng, surface, place):
    """One or a few smooth dents: light and highlight move, some have a bruise or pressed rim."""
    size = surface.height.shape[0]
    sunk = np.zeros((size, size), np.float32)
    for number in range(int(rng.integers(1, 5))):
        radius = rng.uniform(0.09, 0.22) * size
        middle = place if number == 0 else place + rng.normal(0, 0.22 * size, 2)
        inside = blob(rng, size, middle, radius, rng.uniform(0.01, 0.05))
        bowl = np.clip(inside, 0, 1)
        bowl = bowl * bowl * (3 - 2 * bowl)  # meets the surface and its own floor without a kink
        if rng.random() < 0.4:  # flat-bottomed
            bowl = bowl * (2 - bowl)
        rim = fields.step(inside, -0.7, 0) * fields.step(inside, 0.4, -0.1)
        depth = np.float32(radius * rng.uniform(0.33, 0.6))
        sunk = np.maximum(sunk, depth * bowl)
        surface.height += depth * np.float32(rng.uniform(0, 0.12)) * rim
        if rng.random() < 0.4:
            bruise = fields.step(bowl + np.float32(0.1) * fields.cloud(rng, size, 5), 0.7, 1)
            surface.darken(np.float32(rng.uniform(0.05, 0.3)) * bruise)
    surface.height -= sunk


def pits(rng, surface, place):
    """A scatter of small craters, as corrosion or trapped gas leaves them: steep, dark inside."""
    size = surface.height.shape[0]
    count = int(rng.integers(25, 110))
    width = rng.uniform(0.14, 0.3) * size
    holes, brim = np.zeros((2, size, size), np.float32)
    biggest = rng.uniform(3, 8.0) * min(1, math.sqrt(20 / count) + 0.3)
    for x, y in place + rng.normal(0, 1, (count, 2)) * (width, width * rng.uniform(0.4, 1)):
        radius = biggest * rng.uniform(0.25, 1) ** 2 + 0.4
        # a crater is a few soft dots run together, so none is quite round
        lobes = rng.normal(0, radius * 0.45, (2, 5))
        fields.stroke(holes, x + lobes[0], y + lobes[1], radius * rng.uniform(0.5, 1, 5), 1.0)
        fields.stroke(brim, x + lobes[0], y + lobes[1], radius * 1.8, 0.8)
    holes = fields.step(holes, 0.05, 0.95)
    floor = fields.clouds(rng, size, 5, 2) * np.float32(0.12)
    surface.height += np.float32(rng.uniform(0, 0.9)) * brim - np.float32(4) * holes
    dark = np.clip(np.float32(rng.uniform(0.5, 0.9)) * holes * (1 + floor), 0, 0.97)
    surface.darken(dark)
    if rng.random() < 0.4:  # a halo of corrosion
        surface.tint((0.6, 0.42, 0.28), np.float32(rng.uniform(0.1, 0.5)) * brim)
    surface.gloss *= 1 - np.float32(0.8) * holes


DEFECTS = {
    "crack": crack,
    "dent": dent,
    "good": good,
    "pits": pits,
    "scratch": scratch,
    "stain": stain,
}
