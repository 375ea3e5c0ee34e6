"""How a SavedModel takes images: whole encoded files, or pixels of any size."""

from keras_transfer.inputs.image.resizing import resize_pixels, size_in

DIFFERENCES = (  # what the decoder inside does otherwise than training
    "EXIF rotation is ignored: turn images before sending them",
    "BMP and TIFF are refused, and WebP that is animated or has alpha",
    "the clear colour of a GIF, and that of an RGB or grey PNG without alpha channel, stays opaque",
    "16-bit PNG is cut to 8 bits where training rounds: one level at most",
    "a damaged PNG is refused that careful decoders still read",
)


def signatures(tf, spec):
    """{name: (function of a batch to pixels float32 (n, h, w, 3), its TensorSpecs)}.

    - `serving_default`: `image_bytes`, string (n,), each a whole JPEG, PNG, WebP or GIF file (its
      first frame). They are decoded as in training: exact inverse DCT, grey, palette and CMYK as
      RGB, alpha on white, the same antialiased resizing. What TensorFlow's decoders do otherwise:
      DIFFERENCES.
    - `serve_any_size`: `pixels`, uint8 (n, height, width, 3), resized inside.
    """
    size, how = size_in(spec.settings), spec.settings["resize"]
    sized = tf.TensorSpec((*size, 3), tf.float32)

    def resized(pixels):
        return tf.cast(resize_pixels(pixels, size, how), tf.float32)

    def from_files(image_bytes):
        read = lambda data: resized(_decode(tf, data))  # noqa: E731
        return tf.map_fn(read, image_bytes, fn_output_signature=sized)

    def from_any_size(pixels):
        return tf.map_fn(resized, pixels, fn_output_signature=sized)

    encoded = tf.TensorSpec((None,), tf.string, name="image_bytes")
    anything = tf.TensorSpec((None, None, None, 3), tf.uint8, name="pixels")
    return {
        "serving_default": (from_files, [encoded]),
        "serve_any_size": (from_any_size, [anything]),
    }


def _decode(tf, data):
    """Encoded bytes -> uint8 (height, width, 3)."""

    def on_white():
        pixels = tf.cast(tf.io.decode_png(data, channels=4), tf.float32)
        alpha = pixels[..., 3:] / 255.0
        return tf.cast(tf.round(pixels[..., :3] * alpha + 255.0 * (1.0 - alpha)), tf.uint8)

    def opaque():
        pixels = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
        # the operation also reads PNG and WebP; the last comes as a row of frames
        frames = tf.reshape(pixels, tf.concat([[-1], tf.shape(pixels)[-3:]], axis=0))
        return frames[0]

    def first_frame():
        return tf.io.decode_gif(data)[0]

    def still():
        return tf.cond(_is_clear_png(tf, data), on_white, opaque)

    is_gif = tf.equal(tf.strings.substr(tf.strings.join([data, b"\0\0\0"]), 0, 3), b"GIF")
    pixels = tf.cond(is_gif, first_frame, still)
    return tf.ensure_shape(pixels, (None, None, 3))


def _is_clear_png(tf, data):
    """Whether the bytes are a PNG with an alpha channel, or with clear colours in its palette.

    Only these are asked for four channels: from grey or palette of under 8 bits TensorFlow 2.21
    then makes an alpha of 1, 3 or 15 in place of 255.
    """
    padded = tf.strings.join([data, b"\0" * 26])  # substr fails beyond the end
    is_png = tf.equal(tf.strings.substr(padded, 0, 4), b"\x89PNG")
    colour_type = tf.strings.substr(padded, 25, 1)
    # the chunk tRNS stands before the pixels, so its name is looked for near the front
    front = tf.strings.substr(padded, 0, 65536)
    without = tf.strings.regex_replace(front, "tRNS", "")
    clear_palette = tf.logical_and(
        tf.equal(colour_type, b"\x03"),
        tf.less(tf.strings.length(without), tf.strings.length(front)),
    )
    has_alpha = tf.reduce_any(tf.equal(colour_type, [b"\x04", b"\x06"]))
    return tf.logical_and(is_png, tf.logical_or(has_alpha, clear_palette))
