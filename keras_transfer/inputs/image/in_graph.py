"""Reading image files by TensorFlow's operations alone, where they give the bits of `load`.

Whether they do is found out when a file is first read: it is decoded by TensorFlow then. The way it
is to be read is its EXIF orientation, 1 to 8; 0 is that of files that need the careful decoder.
"""

from keras_transfer.backend import load_tensorflow
from keras_transfer.inputs.image.decoders import decode_plain, open_image
from keras_transfer.inputs.image.reading import image_kind, load_with_shape, read_bytes
from keras_transfer.inputs.image.resizing import resize_pixels, size_in

CAREFUL = 0


def load_first(reference, spec):
    """(pixels uint8 (height, width, 3), the way to read this file again).

    Args:
        reference: a path; spec: the InputSpec of images.
    Raises: ExampleError.
    """
    asked = spec.settings
    size, how, most = size_in(asked), asked["resize"], asked["max_pixels"]
    data = read_bytes(reference)
    image = open_image(data) if image_kind(data) else None
    plain = None
    if image is not None and image.width * image.height <= most:
        plain = decode_plain(data, image_kind(data), image)
    if plain is None:
        return load_with_shape(data, size, how, most, "antialias")[0], CAREFUL
    pixels, orientation = plain
    return load_with_shape(pixels, size, how, most, "antialias")[0], orientation


def load_in_graph(path, way, spec):
    """Pixels uint8 (height, width, 3) as a tensor.

    Args:
        path: string tensor; way: int32 tensor, an EXIF orientation.
    """
    tf, asked = load_tensorflow(), spec.settings
    # the operation reads PNG as well
    pixels = tf.io.decode_jpeg(tf.io.read_file(path), 3, dct_method="INTEGER_ACCURATE")
    pixels = tf.cond(way == 1, lambda: pixels, lambda: _upright(tf, pixels, way))
    return tf.cast(resize_pixels(pixels, size_in(asked), asked["resize"]), tf.uint8)


def _upright(tf, pixels, way):
    """Pixels turned as `decoders.TURNS` does it."""
    # for uint8 oneDNN writes on stderr that it cannot transpose them on every machine
    turned = tf.cast(pixels, tf.float32)
    turned = tf.cond(way >= 5, lambda: tf.transpose(turned, [1, 0, 2]), lambda: turned)
    for axis, ways in ((1, (2, 3, 6, 7)), (0, (3, 4, 7, 8))):
        reverse = tf.reduce_any(tf.equal(way, ways))
        turned = tf.cond(
            reverse, lambda one=turned, a=axis: tf.reverse(one, [a]), lambda one=turned: one
        )
    return tf.cast(turned, tf.uint8)
