"""What a good part may show as well: seams, edges, holes, dust, smears, shadows. No defect."""

import numpy as np

from keras_transfer.data.demo import fields as fields


def direction(rng, size, place):
    """An angle that does not point from the middle of the image towards `place`."""
    angle = rng.uniform(0, 6.2832)
    cos, sin = fields.turn(angle)
    towards = (place[0] - size / 2) * cos + (place[1] - size / 2) * sin
    return angle if towards < 0.1 * size else angle + 3.1416


def line_away(rng, size, nearest, angle):
    """Signed distance to a straight or slightly bent line across a direction from the middle.

    It passes the middle at a share of the size drawn from the pair `nearest`; beyond it, the
    distance is negative.
    """
    u, v = fields.turned(size, angle + 3.1416)
    bend = np.float32(rng.uniform(-1, 1) * 0.4 / size) if rng.random() < 0.4 else np.float32(0)
    return u + np.float32(rng.uniform(*nearest) * size) + bend * v * v


def seam(rng, surface, place):
    """A joint or designed groove: straight, of even width, its edges rounded."""
    size = surface.height.shape[0]
    away = np.abs(line_away(rng, size, (-0.42, 0.42), rng.uniform(0, 6.2832)))
    half = rng.uniform(0.8, 3)
    inside = fields.step(away, half + 1.3, half - 0.6)
    rounded = fields.step(away, half + rng.uniform(2, 7), half)
    surface.height -= np.float32(rng.uniform(0.8, 1.6)) * rounded + inside
    surface.darken(np.float32(rng.uniform(0.3, 0.9)) * inside)
    surface.gloss *= 1 - inside


def part_edge(rng, surface, place):
    """The part ends inside the image: a rounded edge, then an unsharp bench."""
    size = surface.height.shape[0]
    away = line_away(rng, size, (0.28, 0.48), direction(rng, size, place))
    off = fields.step(away, 1.0, -1.0)
    rounded = np.clip(1 - away / np.float32(rng.uniform(4, 14)), 0, 1.4)
    surface.height -= np.float32(rng.uniform(1.5, 4)) * rounded * rounded
    bench = rng.uniform(0.02, 0.4) * (1 + rng.uniform(-0.12, 0.12, 3))
    cast = fields.step(away, -rng.uniform(8, 40), -1) * np.float32(0.6)
    ground = (1 - cast) * (1 + np.float32(0.05) * fields.cloud(rng, size, 20))
    surface.albedo += (fields.planes(bench) * ground - surface.albedo) * off
    surface.height *= 1 - off
    surface.gloss *= 1 - off


def bore(rng, surface, place):
    """A drilled or punched hole with a chamfer: round, dark and meant to be there."""
    size = surface.height.shape[0]
    x, y = fields.grid(size)
    cos, sin = fields.turn(direction(rng, size, place))
    out = rng.uniform(0.25, 0.5) * size
    dx, dy = x - np.float32(size / 2 + cos * out), y - np.float32(size / 2 + sin * out)
    away = np.sqrt(dx * dx + dy * dy) - np.float32(rng.uniform(0.025, 0.09) * size)
    chamfer = rng.uniform(2, 6)
    surface.height -= np.float32(chamfer * 0.7) * np.clip(1 - away / np.float32(chamfer), 0, 1)
    hole = fields.step(away, 0.8, -0.8)
    depth = fields.step(away, 0, -10) * np.float32(0.5)
    surface.darken(hole * (np.float32(0.45) + depth))
    surface.gloss *= 1 - hole


def dust(rng, surface, place):
    """Specks and a few lint fibres lying on the surface."""
    size = surface.height.shape[0]
    lint = np.zeros((size, size), np.float32)
    count = int(rng.integers(4, 60))
    x, y = rng.uniform(0, size, (2, count))
    fields.stroke(lint, x, y, rng.uniform(0.3, 1.1, count), rng.uniform(0.2, 0.9, count))
    for _ in range(int(rng.integers(0, 4))):
        start, angle = rng.uniform(0, size, 2), rng.uniform(0, 6.2832)
        x, y = fields.walk(rng, start, angle, rng.uniform(6, 24), rng.uniform(1, 6))
        fields.stroke(lint, x, y, rng.uniform(0.35, 0.7), rng.uniform(0.2, 0.6))
    colour = (0.55, 0.54, 0.52) if rng.random() < 0.7 else (0.05, 0.045, 0.04)
    surface.cover(colour, lint * np.float32(0.7))
    surface.height += lint * np.float32(0.5)
    surface.gloss *= 1 - lint


def smear(rng, surface, place):
    """A wiped patch or handled place: the gloss differs, the colour hardly."""
    size = surface.height.shape[0]
    u, v = fields.turned(size, rng.uniform(0, 6.2832))
    wiped = fields.lattice(rng, u / np.float32(90), v / np.float32(rng.uniform(6, 25)))
    wiped = fields.step(wiped + np.float32(0.4) * fields.cloud(rng, size, 70), 0, 0.9)
    surface.gloss *= 1 - np.float32(rng.uniform(0.2, 0.7)) * wiped
    surface.darken(np.float32(rng.uniform(-0.06, 0.08)) * wiped)


def shadow(rng, size):
    """Share of the lamp's light that arrives: mostly all; else something stands in its way."""
    if rng.random() > 0.12:
        return np.float32(1)
    away = line_away(rng, size, (-0.45, 0.45), rng.uniform(0, 6.2832))
    if rng.random() < 0.5:  # a bar, not an edge
        away = np.abs(away) - np.float32(rng.uniform(0.03, 0.12) * size)
    soft = rng.uniform(4, 60)
    return 1 - np.float32(rng.uniform(0.3, 0.75)) * fields.step(away, soft, -soft)


# what, in which share of all images
BENEATH = ((seam, 0.1), (smear, 0.25))  # drawn before the defect
ABOVE = ((bore, 0.08), (part_edge, 0.15), (dust, 0.6))  # after it: no scratch crosses a hole


def add(things, rng, surface, place):
    """Draw by lot which of `things` this part shows; `place` is kept free for the defect."""
    for thing, share in things:
        if rng.random() < share:
            thing(rng, surface, place)
