"""Random changes that leave an image's label as it is; drawn from seeds, so repeatable."""

from typing import NamedTuple

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.errors import unknown_name


class Augmentation(NamedTuple):
    flip: bool  # left and right
    rotation: float  # degrees to either side
    zoom: float  # share of the side, in or out, each axis alike
    shift: float  # share of the side
    brightness: float  # share of 255
    contrast: float  # factor 1 - c .. 1 + c about the image's mean
    stretch: float = 0.0  # share by which one axis grows and the other shrinks
    shear: float = 0.0  # share of a row's height that it slides sideways
    background: bool = False  # what is uncovered gets the colour of the border, else a mirror image
    saturation: float = 0.0  # factor 1 - s .. 1 + s about each pixel's grey
    erase: float = 0.0  # longest share of the sides of a rectangle of the mean colour


AUGMENTATIONS = {
    "light": Augmentation(True, 10.0, 0.10, 0.05, 0.05, 0.10),
    "standard": Augmentation(True, 20.0, 0.20, 0.10, 0.15, 0.25),
    # the shape and colours of the part that is left have to do (erasing: arXiv:1708.04896)
    "strong": Augmentation(True, 30.0, 0.30, 0.15, 0.20, 0.40, 0.10, saturation=0.5, erase=0.4),
    # left and right are not alike in a body, and grey values mean something
    "medical": Augmentation(False, 7.0, 0.08, 0.04, 0.08, 0.15),
    # strokes on a plain ground, never mirrored: many a letter would be another one
    "drawing": Augmentation(False, 15.0, 0.10, 0.08, 0.0, 0.0, 0.10, 0.25, True),
}
DRAWS = 14  # numbers that one image's change takes
UNFLIPPED = " without flips"  # behind a name: the same, never mirrored
UNTURNED = " without turns"  # behind a name: the same, never turned or sheared


def find_augmentation(name):
    """The row called `name`, which may have UNFLIPPED and UNTURNED behind it.

    Raises: UserError for an unknown one.
    """
    unturned = name.removesuffix(UNTURNED)
    known = unturned.removesuffix(UNFLIPPED)
    if known not in AUGMENTATIONS:
        raise unknown_name("augmentation", known, ["none", *AUGMENTATIONS])
    kind = AUGMENTATIONS[known]
    kind = kind._replace(flip=False) if unturned != known else kind
    return kind._replace(rotation=0.0, shear=0.0) if name != unturned else kind


def draw(seed, view, examples):
    """Uniform numbers -1..1, float32 (len(examples), DRAWS): a function of its arguments alone."""
    draws = [np.random.default_rng([seed, view, one]).uniform(-1, 1, DRAWS) for one in examples]
    return np.array(draws, dtype=np.float32).reshape(len(examples), DRAWS)


def augment(pixels, draws, kind):
    """Change a batch of images.

    Args:
        pixels: float32 (batch, height, width, 3), 0..255.
        draws: float32 (batch, DRAWS) from `draw`.
        kind: an Augmentation.

    Returns:
        float32 (batch, height, width, 3), 0..255; what a turn uncovers is mirrored in, or has the
        colour of the border.
    """
    tf = load_tensorflow()
    shape = tf.shape(pixels)
    if kind.background:  # moved to 0, with which what is uncovered is filled
        ground = _border_colour(tf, pixels)
        pixels = pixels - ground
    turned = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=_transforms(tf, draws, *tf.unstack(tf.cast(shape[1:3], tf.float32)), kind),
        output_shape=shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT" if kind.background else "REFLECT",
    )
    if kind.background:
        turned += ground
    if kind.erase:
        turned = _erased(tf, turned, draws[:, 9:13], kind.erase)
    if kind.saturation:
        grey = tf.reduce_mean(turned, axis=3, keepdims=True)
        factor = (1.0 + kind.saturation * draws[:, 13])[:, None, None, None]
        turned = tf.clip_by_value(grey + factor * (turned - grey), 0.0, 255.0)
    if not (kind.contrast or kind.brightness):
        return turned
    contrast = (1.0 + kind.contrast * draws[:, 5])[:, None]
    brightness = (255.0 * kind.brightness * draws[:, 6])[:, None]
    mean = tf.reduce_mean(turned, axis=(1, 2))
    return _scaled(tf, turned, contrast, mean * (1.0 - contrast) + brightness)


def _border_colour(tf, pixels):
    """The median of each channel along an image's border: (batch, 1, 1, 3)."""
    sides = [pixels[:, 0], pixels[:, -1], pixels[:, 1:-1, 0], pixels[:, 1:-1, -1]]
    border = tf.sort(tf.transpose(tf.concat(sides, axis=1), [0, 2, 1]))  # (batch, 3, around it)
    return border[:, None, None, :, tf.shape(border)[2] // 2]


def _erased(tf, pixels, draws, longest):
    """Pixels with a rectangle in each image's mean colour.

    Args:
        draws: (batch, 4): where its middle is (x, y), and how wide and tall it is.
    """
    size = tf.cast(tf.shape(pixels)[2:0:-1], tf.float32)  # width, height
    middle = (draws[:, :2] + 1.0) / 2.0 * size
    half = (draws[:, 2:] + 1.0) / 4.0 * longest * size
    inside = [
        tf.abs(tf.range(size[axis])[None] - middle[:, axis, None]) <= half[:, axis, None]
        for axis in (0, 1)
    ]  # columns (batch, width), rows (batch, height)
    mask = inside[1][:, :, None, None] & inside[0][:, None, :, None]
    return tf.where(mask, tf.reduce_mean(pixels, axis=(1, 2), keepdims=True), pixels)


def _scaled(tf, pixels, factor, offset):
    """pixels * factor (batch, 1) + offset (batch, 3), kept in 0..255.

    A whole row of an image is taken at once: three numbers at a time cost twice as much.
    """
    shape = tf.shape(pixels)
    rows = tf.reshape(pixels, [shape[0], shape[1], shape[2] * 3])
    offsets = tf.tile(offset, [1, shape[2]])[:, None]
    return tf.reshape(tf.clip_by_value(rows * factor[:, None] + offsets, 0.0, 255.0), shape)


def change(pixels, numbers, kind):
    """Views of a batch of images, some of them plain.

    Args:
        pixels: (batch, height, width, 3), 0..255.
        numbers: float32 (batch, 1 + DRAWS): 1 where an image is changed, else 0; then its draws.
        kind: an Augmentation.

    Returns: float32 (batch, height, width, 3), 0..255.
    """
    tf = load_tensorflow()
    pixels = tf.cast(pixels, tf.float32)
    changed = augment(pixels, numbers[:, 1:], kind)
    plain = tf.where(numbers[:, 0] <= 0)  # few: put back one by one
    return tf.tensor_scatter_nd_update(changed, plain, tf.gather(pixels, plain[:, 0]))


def rotate(pixels, quarters):
    """Images turned against the clock.

    Args:
        pixels: (batch, size, size, 3); quarters: int32 (batch,), times 90 degrees, 0..3.
    """
    tf = load_tensorflow()
    quarters = quarters[:, None, None, None]
    turned = tf.where(quarters % 2 == 1, tf.transpose(pixels, [0, 2, 1, 3]), pixels)
    turned = tf.where((quarters == 1) | (quarters == 2), turned[:, ::-1], turned)
    return tf.where(quarters >= 2, turned[:, :, ::-1], turned)


def movements(draws, size, kind):
    """float32 (n, 2, 3): from relative coordinates (x, y, 1) of a view to those of the image.

    Args:
        draws: float32 (n, DRAWS); size: (height, width); kind: an Augmentation.
    """
    height, width = size
    rows = _transforms(np, np.asarray(draws, np.float64), height, width, kind)
    matrix = rows[:, :6].reshape(-1, 2, 3)
    sides = np.array([width, height], np.float64)
    turn = matrix[:, :, :2] * sides / sides[:, None]
    # pixels lie half a pixel from where they begin
    shift = (matrix[:, :, 2] + 0.5 - matrix[:, :, :2].sum(axis=2) * 0.5) / sides
    return np.concatenate([turn, shift[:, :, None]], axis=2).astype(np.float32)


def _transforms(xp, draws, height, width, kind):
    """Rows (a0 a1 a2 b0 b1 b2 0 0): where in the input each output pixel comes from.

    Args:
        xp: TensorFlow, or numpy.
    """
    angle = draws[:, 0] * (kind.rotation * np.pi / 180)
    scale = 1.0 + kind.zoom * draws[:, 1]
    mirror = xp.where(draws[:, 4] > 0, -1.0, 1.0) if kind.flip else xp.ones_like(angle)
    wide, tall = scale + kind.stretch * draws[:, 7], scale - kind.stretch * draws[:, 7]
    cosine, sine = xp.cos(angle), xp.sin(angle)
    slide = kind.shear * draws[:, 8]
    middle_x, middle_y = (width - 1.0) / 2.0, (height - 1.0) / 2.0
    x, y = kind.shift * width * draws[:, 2], kind.shift * height * draws[:, 3]
    a0, b0 = cosine * wide * mirror, sine * wide * mirror
    a1, b1 = cosine * slide - sine * tall, sine * slide + cosine * tall
    # the middle stays where it is, but for the shift
    a2 = middle_x + x - (a0 * middle_x + a1 * middle_y)
    b2 = middle_y + y - (b0 * middle_x + b1 * middle_y)
    zero = xp.zeros_like(angle)
    return xp.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1)
