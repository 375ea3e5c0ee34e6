"""One image made a model's size, the same in tf.data, in a SavedModel and one by one."""

import functools

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.errors import unknown_name

PAD_GREY = 127  # the middle of 0..255: near nothing once a base has scaled it
RESIZES = ("squeeze", "crop", "pad")


def sides(size):
    """(height, width) of a size: two numbers, or one for a square."""
    return (size, size) if isinstance(size, int) else tuple(size)


def size_in(settings):
    """(height, width) in the settings of an InputSpec of images."""
    return settings["image_size"], settings.get("image_width") or settings["image_size"]


def resize_pixels(pixels, size, how="squeeze", resize_filter="antialias"):
    """Make one image a size, with bilinear resizing.

    TensorFlow operations only, so that tf.data and a SavedModel compute the very same.

    Args:
        pixels: (height, width, 3), uint8 or float, 0..255; an array or a tensor.
        size: (height, width), or one number for a square.
        how: "squeeze" (the shape is not kept), "crop" (the middle part), "pad" (bars of grey).
        resize_filter: "antialias", or "plain": what phones and OpenCV do, which skips pixels of
            what it makes smaller.

    Returns: float32 tensor (height, width, 3) of whole numbers 0..255: uint8 stores it exactly.
    """
    if how not in RESIZES:
        raise unknown_name("resize", how, RESIZES)
    tf = load_tensorflow()
    pixels = tf.convert_to_tensor(pixels)
    target = whole = sides(size)
    if how == "crop":
        # Cut first: the same part, without ever enlarging what is cut away.
        shape = tf.shape(pixels)[:2]
        kept = tf.cast(
            _fitted(tf, tf.cast(whole, tf.float64), tf.cast(shape, tf.float64)), tf.int32
        )
        (top, left), (height, width) = tf.unstack((shape - kept) // 2), tf.unstack(kept)
        pixels = pixels[top : top + height, left : left + width]
    elif how == "pad":
        shape = tf.cast(tf.shape(pixels)[:2], tf.float64)
        target = tf.cast(_fitted(tf, shape, tf.cast(whole, tf.float64)), tf.int32)
    if resize_filter == "antialias":
        pixels = _antialiased(tf, pixels, *tf.unstack(target, num=2))
    else:
        pixels = tf.image.resize(pixels, target)
    pixels = tf.round(pixels)  # weights are positive and sum to 1: it stays in 0..255
    if how == "pad":
        spare = tf.constant(whole) - target
        before = spare // 2
        bars = tf.stack([before, spare - before], axis=1)
        pixels = tf.pad(pixels, tf.concat([bars, [[0, 0]]], axis=0), constant_values=PAD_GREY)
    return tf.ensure_shape(pixels, (*whole, 3))


def _fitted(xp, shape, room):
    """(height, width) of what has the shape `shape` made as large as fits into `room`.

    Args:
        xp: TensorFlow, or numpy; shape, room: float64 (2,), whole numbers.
    """
    tall = shape[0] * room[1] >= shape[1] * room[0]
    by_height = xp.stack([room[0], shape[1] * room[0] / shape[0]])
    by_width = xp.stack([shape[0] * room[1] / shape[1], room[1]])
    return xp.maximum(xp.round(xp.where(tall, by_height, by_width)), 1.0)


def placement(shape, size, how):
    """(scale, offset) float64 (2,) each, of x and y: relative coordinates of an image, times the
    scale, plus the offset, are those of what `resize_pixels` makes of it.

    Args:
        shape: (height, width) of the image; size, how: as there.
    """
    shape, size = np.array(shape, np.float64), np.array(sides(size), np.float64)
    scale, offset = np.ones(2), np.zeros(2)
    if how == "crop":
        kept = _fitted(np, size, shape)
        scale, offset = shape / kept, -((shape - kept) // 2) / kept
    elif how == "pad":
        inside = _fitted(np, shape, size)
        scale, offset = inside / size, ((size - inside) // 2) / size
    return scale[::-1], offset[::-1]


def _antialiased(tf, pixels, height, width):
    """The bits of `tf.image.resize(..., antialias=True)` for one image, in two thirds of the time.

    Its kernel adds up rows first, then columns, and a column channel by channel: three numbers at
    a time. So the columns are turned into rows too, and it always adds up whole rows of numbers.
    """
    rows, columns = tf.shape(pixels)[0], tf.shape(pixels)[1]
    shorter = _resize_rows(tf, tf.reshape(pixels, [rows, columns * 3]), height)
    turned = tf.transpose(tf.reshape(shorter, [height, columns, 3]), [1, 0, 2])
    narrower = _resize_rows(tf, tf.reshape(turned, [columns, height * 3]), width)
    return tf.transpose(tf.reshape(narrower, [width, height, 3]), [1, 0, 2])


def _resize_rows(tf, numbers, height):
    """float32 (height, n) of (rows, n), by the triangle filter."""
    rows, length = tf.shape(numbers)[0], tf.shape(numbers)[1]
    scale = tf.cast(height, tf.float32) / tf.cast(rows, tf.float32)
    resized = tf.raw_ops.ScaleAndTranslate(
        images=tf.reshape(numbers, [1, rows, 1, length]),  # each row one pixel of many channels
        size=[height, 1],
        scale=[scale, 1.0],
        translation=[0.0, 0.0],
        kernel_type="triangle",
        antialias=True,
    )
    return tf.reshape(resized, [height, length])


@functools.cache
def compiled_resize(size, how, resize_filter):
    """`resize_pixels` to uint8 as one graph: half the overhead of single operations.

    Args: as there; `size` is one number, or a tuple.
    """
    tf = load_tensorflow()

    def resize(pixels):
        with tf.device("CPU:0"):  # a GPU would cost a round trip an image
            return tf.cast(resize_pixels(pixels, size, how, resize_filter), tf.uint8)

    signature = [tf.TensorSpec((None, None, 3), tf.uint8)]
    return tf.function(resize, signature, autograph=False).get_concrete_function()
