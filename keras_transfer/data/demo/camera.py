"""Light and camera of the demo: from a surface to the image a sensor would give of it."""

import numpy as np

from keras_transfer.data.demo import fields as fields

LAMPS = ((1.0, 0.98, 0.95), (1.0, 0.93, 0.82), (0.93, 0.97, 1.0), (1.0, 1.0, 1.0))


def slopes(height):
    """Rise of the height per pixel to the right and downwards."""
    wide = np.pad(height, 1, mode="edge")
    right = (wide[1:-1, 2:] - wide[1:-1, :-2]) * np.float32(0.5)
    down = (wide[2:, 1:-1] - wide[:-2, 1:-1]) * np.float32(0.5)
    return right, down


def lamp_direction(rng, size):
    """Unit vectors from each pixel to a near lamp, and how much of its light arrives."""
    x, y = fields.grid(size)
    cos, sin = fields.turn(rng.uniform(0, 6.2832))
    far = rng.uniform(0.5, 2.5) * size
    dx = np.float32(size / 2 + cos * far) - x
    dy = np.float32(size / 2 + sin * far) - y
    dz = np.float32(rng.uniform(0.7, 1.6) * far)
    distance = dx * dx + dy * dy + dz * dz
    inverse = 1 / np.sqrt(distance)
    reach = np.float32(far * far) + dz * dz
    return dx * inverse, dy * inverse, dz * inverse, reach / distance


def highlight(n, lamp, sharpness):
    """Blinn's cosine between the surface and the mirror direction, to the power 2**sharpness."""
    lz = lamp[2] + 1  # the camera looks straight down
    cosine = n[0] * lamp[0] + n[1] * lamp[1] + n[2] * lz
    cosine /= np.sqrt(lamp[0] * lamp[0] + lamp[1] * lamp[1] + lz * lz)
    cosine = np.maximum(cosine, 0)
    for _ in range(sharpness):
        cosine = cosine * cosine
    return cosine


def softbox(rng, size, right, down):
    """Outline of a long lamp seen in a polished surface: slopes shift and bend it."""
    x, y = fields.grid(size)
    cos, sin = fields.turn(rng.uniform(0, 6.2832))
    reach = np.float32(rng.uniform(150, 400))
    at = (x + reach * right) * np.float32(cos) + (y + reach * down) * np.float32(sin)
    at -= np.float32(size / 2 * (cos + sin) + rng.uniform(-0.5, 0.5) * size)
    half = rng.uniform(20, 90)
    blur = rng.uniform(8, 40)
    return fields.step(np.abs(at), half + blur, half - min(half, blur))


def shade(rng, surface, shadow):
    """Linear light that reaches the camera, (3, size, size)."""
    size = surface.height.shape[0]
    right, down = slopes(surface.height)
    up = 1 / np.sqrt(right * right + down * down + 1)
    n = (-right * up, -down * up, up)
    lamp = lamp_direction(rng, size)
    direct = np.maximum(n[0] * lamp[0] + n[1] * lamp[1] + n[2] * lamp[2], 0) * lamp[3] * shadow
    hollow = surface.height - fields.surroundings(surface.height)
    open_sky = np.clip(1 + np.float32(0.09) * hollow, 0.35, 1.15)
    ambient = np.float32(rng.uniform(0.2, 0.55)) * open_sky
    colour = fields.planes(LAMPS[rng.integers(len(LAMPS))])
    light = ambient + direct * colour
    gleam = highlight(n, lamp, surface.sharpness) * shadow * lamp[3]
    if surface.mirror:
        gleam += np.float32(surface.mirror) * softbox(rng, size, right, down)
    gleam *= surface.gloss
    metal = np.float32(surface.metal)
    tint = surface.albedo * (metal * 2) + (1 - metal)
    return surface.albedo * light + gleam * tint * colour


def expose(rng, linear):
    """What a sensor makes of linear light: uint8 (size, size, 3) with vignette, blur, noise."""
    size = linear.shape[-1]
    u, v = fields.turned(size, 0)
    radius = (u * u + v * v) * np.float32(2 / (size * size))
    linear = linear * (1 - np.float32(rng.uniform(0, 0.4)) * radius)
    some = linear[:, 4::8, 4::8].reshape(3, -1)
    some = np.sort(some.max(axis=0) + some[1])
    typical = some[len(some) * 3 // 5] * np.float32(0.5)
    # half of the way to a fixed brightness: dark materials stay dark
    gain = np.float32(rng.uniform(0.34, 0.68)) / np.sqrt(np.maximum(typical, np.float32(0.02)))
    linear = np.maximum(linear * gain, 0)
    linear = fields.soften(linear, int(rng.integers(0, 3)))
    noise = rng.standard_normal(linear.shape, np.float32)
    grain = np.float32(rng.uniform(0.004, 0.018))
    tone = np.sqrt(linear)
    # a shoulder instead of hard white: highlights on metal keep some drawing
    bright = np.maximum(tone, np.float32(0.7))
    tone += 1 - np.float32(0.09) / (bright - np.float32(0.4)) - bright
    tone += noise * grain
    levels = np.rint(np.clip(tone, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))
