"""One image made square, the same in tf.data, in a SavedModel and one by one."""

import functools

from keras_transfer.backend import load_tensorflow
from keras_transfer.errors import unknown_name

PAD_GREY = 127  # the middle of 0..255: near nothing once a base has scaled it
RESIZES = ("squeeze", "crop", "pad")


def resize_pixels(pixels, size, how="squeeze", resize_filter="antialias"):
    """Make one image square, with bilinear resizing.

    TensorFlow operations only, so that tf.data and a SavedModel compute the very same.

    Args:
        pixels: (height, width, 3), uint8 or float, 0..255; an array or a tensor.
        how: "squeeze" (the shape is not kept), "crop" (the middle square), "pad" (bars of grey).
        resize_filter: "antialias", or "plain": what phones and OpenCV do, which skips pixels of
            what it makes smaller.

    Returns: float32 tensor (size, size, 3) of whole numbers 0..255: uint8 stores it exactly.
    """
    if how not in RESIZES:
        raise unknown_name("resize", how, RESIZES)
    tf = load_tensorflow()
    pixels = tf.convert_to_tensor(pixels)
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    target = (size, size)
    if how == "crop":
        # Cut first: the same square, without ever enlarging what is cut away.
        side = tf.minimum(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        pixels = pixels[top : top + side, left : left + side]
    elif how == "pad":
        long = tf.cast(tf.maximum(height, width), tf.float64)
        sides = tf.cast(tf.stack([height, width]), tf.float64) * size / long
        target = tf.maximum(tf.cast(tf.round(sides), tf.int32), 1)
    if resize_filter == "antialias":
        pixels = _antialiased(tf, pixels, *tf.unstack(target, num=2))
    else:
        pixels = tf.image.resize(pixels, target)
    pixels = tf.round(pixels)  # weights are positive and sum to 1: it stays in 0..255
    if how == "pad":
        spare = size - target
        before = spare // 2
        bars = tf.stack([before, spare - before], axis=1)
        pixels = tf.pad(pixels, tf.concat([bars, [[0, 0]]], axis=0), constant_values=PAD_GREY)
    return tf.ensure_shape(pixels, (size, size, 3))


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
    """`resize_pixels` to uint8 as one graph: half the overhead of single operations."""
    tf = load_tensorflow()

    def resize(pixels):
        with tf.device("CPU:0"):  # a GPU would cost a round trip an image
            return tf.cast(resize_pixels(pixels, size, how, resize_filter), tf.uint8)

    signature = [tf.TensorSpec((None, None, 3), tf.uint8)]
    return tf.function(resize, signature, autograph=False).get_concrete_function()
