"""Smooth random fields, strokes and blobs: what the images of the demo are drawn with.

Arrays meet only + - * / sqrt, comparisons and look-ups, whose results IEEE 754 fixes: the vector
units of two machines may differ in the last bit of an array's sin or exp, and a drawn image
should have the same bytes on both. All fields are float32, lengths are in pixels.
"""

import functools
import math

import numpy as np

ALONG_ROWS = (np.s_[..., :-2], np.s_[..., 1:-1], np.s_[..., 2:])  # before, here, after
ALONG_COLUMNS = (np.s_[..., :-2, :], np.s_[..., 1:-1, :], np.s_[..., 2:, :])
REACH = 3.0  # a stroke's profile has faded to nothing at this many half-widths


def turn(angle):
    """cos and sin of `angle` in radians, rounded so that each C library gives the same."""
    return round(math.cos(angle), 6), round(math.sin(angle), 6)


@functools.lru_cache(maxsize=8)
def grid(size):
    """x and y of each pixel, (size, size) each; shared, so not to be written to."""
    line = np.arange(size, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def turned(size, angle, stretch=1.0):
    """Coordinates along and across a direction, counted from the middle of the image."""
    x, y = grid(size)
    cos, sin = turn(angle)
    x, y = x - np.float32(size / 2), y - np.float32(size / 2)
    return (x * cos + y * sin) / np.float32(stretch), y * cos - x * sin


def planes(colour):
    """A colour of three numbers, ready to meet (3, size, size) or a (size, size) field."""
    return np.asarray(colour, np.float32)[:, None, None]


def step(field, low, high):
    """0 below `low`, 1 above `high`, smooth between; `low` may be the larger one."""
    t = np.clip((field - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def wave(field):
    """A wave of period 1 between -1 and 1, made of parabolas."""
    t = 2 * (field - np.floor(field)) - 1
    return 4 * t * (1 - np.abs(t))


def _spline(size, cell):
    """For each pixel the first of four grid points and their cubic B-spline weights."""
    at = np.arange(size) / cell
    first = np.floor(at).astype(np.int32)
    t = at - first
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    return first, [(w / 6).astype(np.float32) for w in weights]


def spread(coarse, size, cell):
    """Spread grid points `cell` pixels apart smoothly over (size, size)."""
    first, weights = _spline(size, cell)
    rows = sum(coarse[first + k] * weights[k][:, None] for k in range(4))
    return sum(rows[:, first + k] * weights[k] for k in range(4))


def cloud(rng, size, cell):
    """Smooth noise with bumps about `cell` pixels wide: mean 0, deviation about 1."""
    count = math.ceil(size / cell) + 4
    return spread(rng.standard_normal((count, count), np.float32) * np.float32(2), size, cell)


def clouds(rng, size, cell, octaves, fade=0.5):
    """Noise over several sizes, each half as wide and `fade` as strong as the one before."""
    return sum(
        cloud(rng, size, max(cell / 2**k, 1.5)) * np.float32(fade**k) for k in range(octaves)
    )


def lattice(rng, u, v):
    """Noise between -1 and 1 with unit bumps at any coordinates, so also turned and stretched."""
    table = rng.random((128, 128), np.float32).ravel() * 2 - 1
    left, top = np.floor(u), np.floor(v)
    s, t = u - left, v - top
    s, t = s * s * (3 - 2 * s), t * t * (3 - 2 * t)
    column, row = left.astype(np.int32), top.astype(np.int32)
    column0, column1 = column & 127, (column + 1) & 127
    row0, row1 = (row & 127) << 7, ((row + 1) & 127) << 7
    low, high = table[row0 + column0], table[row1 + column0]
    low += s * (table[row0 + column1] - low)
    high += s * (table[row1 + column1] - high)
    return low + t * (high - low)


def cells(rng, size, cell):
    """Distances to the nearest and second nearest of random points, in units of `cell`.

    Worley's cells (SIGGRAPH 1996), found on every second pixel and spread: leather and grains.
    """
    half = math.ceil(size / 2) + 4
    count = math.ceil(half * 2 / cell) + 3
    points = rng.random((2, count, count), np.float32)
    at = np.arange(half, dtype=np.float32) * np.float32(2 / cell) + 1
    y, x = np.meshgrid(at, at, indexing="ij")
    row, column = y.astype(np.int32), x.astype(np.int32)
    first = np.full((half, half), 9, np.float32)
    second = first.copy()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            i, j = row + down, column + right
            dx, dy = points[0, i, j] + j - x, points[1, i, j] + i - y
            distance = dx * dx + dy * dy
            second = np.minimum(second, np.maximum(first, distance))
            first = np.minimum(first, distance)
    return spread(np.sqrt(first), size, 2), spread(np.sqrt(second), size, 2)


def soften(field, times=1):
    """Blur (..., size, size) with the weights 1 2 1 along both axes, `times` over."""
    for _ in range(times):
        for before, here, after in (ALONG_ROWS, ALONG_COLUMNS):
            blurred = field.copy()
            blurred[here] += field[before] * np.float32(0.25) + field[after] * np.float32(0.25)
            blurred[here] -= field[here] * np.float32(0.5)
            field = blurred
    return field


def surroundings(field, cell=8):
    """The smooth average of a field around each pixel, over about two `cell`s."""
    size = field.shape[0]
    before = cell * 3 // 2  # so that the middles of the blocks are the points of `spread`
    after = ((size - 1) // cell + 4) * cell - size - before
    wide = np.pad(field, ((before, after),) * 2, mode="edge")
    rows = sum(wide[k::cell] for k in range(cell))
    coarse = sum(rows[:, k::cell] for k in range(cell)) / np.float32(cell * cell)
    return spread(coarse, size, cell)


def walk(rng, start, angle, length, wander, spacing=0.5):
    """Points of a wandering line: x, y (count,) each, `spacing` apart.

    `wander` is by how much, in radians, the direction typically drifts over 30 pixels.
    """
    count = max(int(length / spacing), 8)
    knots = rng.standard_normal(count // 24 + 4)
    drift = np.interp(np.arange(count), np.arange(len(knots)) * 24.0, knots)
    direction = angle + wander * np.cumsum(drift) * spacing / 30
    # rounded: the last bit of cos may differ between machines
    steps = np.round(np.stack([np.cos(direction), np.sin(direction)]) * spacing, 5)
    return start[0] + np.cumsum(steps[0]), start[1] + np.cumsum(steps[1])


def taper(count, share=0.25):
    """Weights that rise from 0 and fall to 0 over `share` of a stroke at each end."""
    t = np.arange(count) / max(count - 1, 1)
    return np.clip(np.minimum(t, 1 - t) / share, 0, 1)


def uneven(rng, count, knots_apart=16, least=0.2):
    """Weights between `least` and 1 that vary along a stroke."""
    knots = rng.random(count // knots_apart + 3)
    along = np.interp(np.arange(count), np.arange(len(knots)) * float(knots_apart), knots)
    return least + (1 - least) * along


def stroke(canvas, x, y, half_width, strength):
    """Draw a soft line into `canvas` in place: at each pixel the strongest of its points.

    `half_width` and `strength` are arrays of one value a point; widths under half a pixel are
    drawn half a pixel wide and fainter, as a lens would show them.
    """
    size = canvas.shape[0]
    half_width = np.broadcast_to(half_width, x.shape)
    strength = strength * np.clip(half_width / 0.5, 0, 1)
    half_width = np.maximum(half_width, 0.5).astype(np.float32)
    reach = math.ceil(float(half_width.max()) * REACH / 2) + 1
    near = np.arange(-reach, reach + 1)
    column = np.rint(x).astype(np.int32)[:, None] + near
    row = np.rint(y).astype(np.int32)[:, None] + near
    scale = 2 / (REACH * half_width[:, None])
    right, down = ((column - x[:, None]) * scale, (row - y[:, None]) * scale)
    right, down = (right * right).astype(np.float32), (down * down).astype(np.float32)
    value = np.maximum(1 - right[:, None, :] - down[:, :, None], 0)
    value *= value * strength.astype(np.float32)[:, None, None]
    at_column = (column >= 0) & (column < size)
    at_row = (row >= 0) & (row < size)
    inside = at_column[:, None, :] & at_row[:, :, None] & (value > 0)
    flat = (row * size)[:, :, None] + column[:, None, :]
    np.maximum.at(canvas.reshape(-1), flat[inside], value[inside])
