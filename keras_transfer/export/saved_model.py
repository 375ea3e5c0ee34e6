"""A SavedModel that takes encoded images or pixels, for servers; it needs TensorFlow alone."""

from pathlib import Path

from keras_transfer.backend import load_keras, load_tensorflow, quiet_stderr
from keras_transfer.environment import cannot_write
from keras_transfer.errors import UserError
from keras_transfer.export.names import ANSWERS
from keras_transfer.model.float32_copy import float32_copy
from keras_transfer.model.spec import MEMBER, spec_to_json

LIMITS = (  # what the decoder inside does otherwise than training
    "EXIF rotation is ignored: turn images before sending them",
    "BMP and TIFF are refused, and WebP that is animated or has alpha",
    "the clear colour of a GIF, and that of an RGB or grey PNG without alpha channel, stays opaque",
    "16-bit PNG is cut to 8 bits where training rounds: one level at most",
    "a damaged PNG is refused that careful decoders still read",
)


def export_saved_model(model, folder, spec, sample=None):
    """Write `model` as a SavedModel with four signatures.

    - `serving_default`: `image_bytes`, string (n,), each a whole JPEG, PNG, WebP or GIF file
      (its first frame) -> `probabilities` float32 (n, k) (`values` for a regression) and, for a
      classification, `label` string (n,), the name of the likeliest class.
    - `serve_arrays`: `pixels`, uint8 (n, s, s, 3), RGB, already resized -> the same.
    - `serve_any_size`: `pixels`, uint8 (n, height, width, 3), resized inside -> the same.
    - `classes`: nothing -> `classes`, string (k,), the names in the order of the answers.

    Images are decoded as in training: exact inverse DCT, grey, palette and CMYK as RGB, alpha
    on white, the same antialiased resizing. What TensorFlow's decoders do otherwise: LIMITS.

    Augmentation cannot get in: the model is called with `training=False`, and in float32
    (`float32_copy`).

    Args:
        model: one flat `keras.Model`, pixels 0..255 float32 (n, s, s, 3) to answers (n, k).
        folder: what becomes the SavedModel; not there yet.
        spec: `export.about.ModelSpec`; it goes into the folder as `keras_transfer.json`.
        sample: not asked for here.

    Raises:
        UserError: another backend than TensorFlow, or a folder that cannot be written.
    """
    keras = require_tensorflow()
    tf = load_tensorflow()
    endpoints = _Endpoints(tf, float32_copy(model), spec)
    # Not tracked: the archive finds the variables that endpoints use by itself, and a tracked
    # model is stored twice (keras 3.15.1: 19 MB in place of 10 for MobileNetV2).
    archive = keras.export.ExportArchive()
    for name, function, signature in endpoints.all():
        archive.add_endpoint(name, function, input_signature=signature)
    error = _write_quietly(tf, archive, folder)
    if error is not None:
        raise cannot_write(folder, error.message.splitlines()[0])
    (Path(folder) / MEMBER).write_text(spec_to_json(spec), encoding="utf-8")


def _write_quietly(tf, archive, folder):
    """Write the archive; TensorFlow's error of writing, which is no OSError, or None.

    It is given back, not raised: `quiet_stderr` would show its noise too.
    """
    with quiet_stderr():
        try:
            archive.write_out(str(folder), verbose=False)
        except tf.errors.OpError as error:
            return error


def require_tensorflow():
    """The `keras` module; a UserError where it runs on another backend."""
    keras = load_keras()
    if keras.backend.backend() != "tensorflow":
        found = f"KERAS_BACKEND={keras.backend.backend()}"
        advice = "Save the run, then: KERAS_BACKEND=tensorflow keras-transfer export --model RUN"
        raise UserError("exports are written by the TensorFlow backend", found, advice)
    return keras


class _Endpoints:
    """The functions of one SavedModel."""

    def __init__(self, tf, model, spec):
        self.tf, self.model, self.task, self.resize = tf, model, spec.task, spec.resize
        self.size = model.input_shape[1]
        self.names = [str(name) for name in spec.outputs]

    def all(self):
        """(name, function, signature) of each."""
        tf = self.tf
        arrays = tf.TensorSpec((None, self.size, self.size, 3), tf.uint8, name="pixels")
        anything = tf.TensorSpec((None, None, None, 3), tf.uint8, name="pixels")
        encoded = tf.TensorSpec((None,), tf.string, name="image_bytes")
        return (
            ("serving_default", self.serve_files, [encoded]),
            ("serve_arrays", self.serve_arrays, [arrays]),
            ("serve_any_size", self.serve_any_size, [anything]),
            ("classes", lambda: {"classes": tf.constant(self.names)}, []),
        )

    def serve_arrays(self, pixels):
        tf = self.tf
        predictions = self.model(tf.cast(pixels, tf.float32), training=False)
        named = {ANSWERS[self.task]: predictions}
        if self.task == "classification":
            named["label"] = tf.gather(tf.constant(self.names), tf.argmax(predictions, axis=-1))
        return named

    def serve_any_size(self, pixels):
        return self.serve_each(self.make_square, pixels)

    def serve_files(self, image_bytes):
        return self.serve_each(lambda data: self.make_square(_decode(self.tf, data)), image_bytes)

    def serve_each(self, make, images):
        square = self.tf.TensorSpec((self.size, self.size, 3), self.tf.float32)
        return self.serve_arrays(self.tf.map_fn(make, images, fn_output_signature=square))

    def make_square(self, pixels):
        """One image (height, width, 3) -> float32 (s, s, 3), as `data.images` resizes it."""
        from keras_transfer.inputs.image.reading import resize_pixels

        return self.tf.cast(resize_pixels(pixels, self.size, self.resize), self.tf.float32)


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
