"""Images: RGB pixels 0..255 of one size; files of every common kind, or arrays."""

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Literal, NamedTuple

import numpy as np

from keras_transfer.config import base_name
from keras_transfer.errors import UserError, count
from keras_transfer.inputs import InputSpec, Loaded, Modality, Tensor
from keras_transfer.inputs.image.arrays import rgb
from keras_transfer.inputs.image.augmentation import (
    DRAWS,
    UNFLIPPED,
    UNTURNED,
    change,
    draw,
    find_augmentation,
    movements,
    rotate,
)
from keras_transfer.inputs.image.crops import CROPS, crop_key, load_crop
from keras_transfer.inputs.image.decoders import HEIC_COMMAND, open_image
from keras_transfer.inputs.image.in_graph import load_first, load_in_graph
from keras_transfer.inputs.image.reading import (
    ENDINGS,
    IMAGE_ENDINGS,
    ORIENTATION,
    fits_ending,
    image_kind,
    load_with_shape,
    read_image,
    shape_of,
)
from keras_transfer.inputs.image.resizing import placement, sides, size_in
from keras_transfer.inputs.image.serving import DIFFERENCES, signatures
from keras_transfer.inputs.image.thumbnails import preview, thumbnail

SHOWN, SHOWN_LEAST = 448, 32  # pixels of the longer side of an image that is shown, and of any


@dataclass(frozen=True, kw_only=True)
class Settings:
    image_size: int | None = None
    """Pixels a side that the model sees; by default those the base was trained at."""
    image_width: int | None = None
    """Pixels across, where the model sees rectangles: --image-size is their height then."""
    resize: Literal["squeeze", "crop", "pad"] = "squeeze"
    """How an image becomes that size: squeezed, its middle cut out, or padded with grey."""
    flip: bool = True
    """Whether augmentation may mirror images; --no-flip for digits, text, and what has a side."""
    max_pixels: int = 200_000_000
    """An image with more pixels than this is skipped: it could be a decompression bomb."""

    LIMITS = {  # noqa: RUF012
        "image_size": (16, 1024),
        "image_width": (16, 1024),
        "max_pixels": (1024, 10**10),
    }


def check_size(base, name, image_size=None):
    """(height, width) of what a base sees: `image_size`, by default its own.

    Args:
        base: a `bases.table.Base`; image_size: (height, width), or one number for a square.
    Raises: UserError for a size under the base's minimum.
    """
    size = sides(base.image_size if image_size is None else image_size)
    if min(size) < base.minimum_size:
        advice = f"The smallest is {base.minimum_size}; its own is {base.image_size}"
        raise UserError(f"--image-size is too small for {name}", min(size), advice)
    return size


class Geometry(NamedTuple):
    """How an image came to a size: its own sides in pixels, squeeze, crop or pad, that size."""

    height: int
    width: int
    resize: str
    size: tuple[int, int]

    def to_model(self, points):
        """Relative coordinates (n, 2), x and y of the image, as those of what the model sees."""
        scale, offset = self._steps()
        return points * scale + offset

    def from_model(self, points):
        """The same the other way."""
        scale, offset = self._steps()
        return (points - offset) / scale

    def _steps(self):
        """(scale, offset) of x and y."""
        return placement((self.height, self.width), self.size, self.resize)


class Image(Modality):
    name = "image"
    endings = IMAGE_ENDINGS
    limits = DIFFERENCES
    app_way = "decoded exactly, resized bilinearly without antialiasing, as phones do"
    has_phone_metadata = True
    loads_in_graph = True
    view_size = 1 + DRAWS
    read_anew = CROPS

    def spec(self, base, config):
        height = config.image_size or base.image_size
        width = config.image_width or height
        size = check_size(base, base_name(config.base), (height, width))
        settings = {"image_size": height, "resize": config.resize, "max_pixels": config.max_pixels}
        if width != height:  # features of squares keep the key that they had
            settings["image_width"] = width
        return InputSpec(self.name, (Tensor("pixels", (*size, 3), "uint8"),), settings)

    def load(self, reference, spec):
        """Pixels uint8 (height, width, 3), and the Geometry of how they were resized."""
        return self._load(reference, spec, "antialias")

    def load_as_apps(self, reference, spec):
        """Resized without antialiasing, as phones and OpenCV do."""
        return self._load(reference, spec, "plain")

    def _load(self, reference, spec, resize_filter):
        asked = spec.settings
        size, how, most = size_in(asked), asked["resize"], asked["max_pixels"]
        pixels, shape = load_with_shape(reference, size, how, most, resize_filter)
        return Loaded(pixels, Geometry(*shape, how, size))

    def raw_size(self, reference):
        return shape_of(reference)[::-1]

    def geometry(self, reference, spec):
        return Geometry(*shape_of(reference), spec.settings["resize"], size_in(spec.settings))

    def load_whole(self, reference, spec):
        """Pixels uint8 (height, width, 3)."""
        return Loaded(read_image(reference, spec.settings["max_pixels"]))

    def check_any_size(self, spec):
        """Such a file squeezes: one that was trained on cut or padded images would be wrong."""
        if spec.settings["resize"] != "squeeze":
            found = f"--resize {spec.settings['resize']}"
            advice = "The saved_model resizes as in training: take its signature serve_any_size"
            raise UserError("a file for any size squeezes images", found, advice)

    def show(self, reference, spec):
        """Sharper than what the model sees; a squeezed image has its own shape again."""
        from PIL import Image as PillowImage

        model_sees = size_in(spec.settings)
        sharp = [round(SHOWN * one / max(model_sees)) for one in model_sees]
        settings = {**spec.settings, "image_size": sharp[0], "image_width": sharp[1]}
        pixels, (height, width, *_) = self.load(reference, spec._replace(settings=settings))
        if spec.settings["resize"] != "squeeze":
            return pixels
        long = max(height, width)
        size = [max(SHOWN_LEAST, round(SHOWN * side / long)) for side in (width, height)]
        return np.asarray(PillowImage.fromarray(pixels).resize(size))

    def save_golden(self, arrays, path):
        from PIL import Image as PillowImage

        file = path.with_suffix(".png")
        PillowImage.fromarray(arrays).save(file)
        return file.name

    def preview(self, reference, side):
        return preview(reference, side)

    def thumbnail(self, reference, side, text):
        return thumbnail(reference, side, text)

    def is_served_alike(self, data):
        """Whether no camera noted that the image is to be turned."""
        return open_image(data).getexif().get(ORIENTATION, 1) == 1

    def check_array(self, array):
        return rgb(array)

    def is_single(self, array, label):
        grey_or_rgb = array.ndim == 3 and array.shape[2] in (1, 3)
        return array.ndim < 3 or grey_or_rgb or (array.ndim == 3 and not label.ndim)

    def remark(self, path, data):
        kind = image_kind(data)
        return "" if fits_ending(path, kind) else f"is a {kind} file; it was read as one"

    def notes(self, names):
        """What to install where HEIC files are among them; each will be skipped for its lack."""
        heic = [name for name in names if name.lower().endswith(ENDINGS["heic"])]
        if not heic or find_spec("pillow_heif"):
            return []
        found = f"{count(len(heic), 'HEIC file')} cannot be read without an extra"
        return [f"{found}: {HEIC_COMMAND}; first: {heic[0]}"]

    def reader(self, spec):
        heic = find_spec("pillow_heif") is not None
        packages = f"tensorflow {version('tensorflow')} pillow {version('pillow')} heic {heic}"
        return f"image up to {spec.settings['max_pixels']} pixels, {packages}"

    def load_first(self, reference, spec):
        return load_first(reference, spec)

    def load_in_graph(self, path, way, spec):
        return [load_in_graph(path, way, spec)]

    def augmentation_for(self, name, config, turned=True):
        return name + UNFLIPPED * (not config.flip) + UNTURNED * (not turned)

    def shown_pixels(self, arrays):
        return np.clip(np.round(arrays), 0, 255).astype(np.uint8)

    def draw_views(self, digests, views):
        """Whether an image is changed, then the numbers of `augmentation.draw`."""
        numbers = np.zeros((len(views), self.view_size), np.float32)
        for row, digest, view in zip(numbers, digests, views, strict=True):
            if view is not None:
                row[0], row[1:] = 1.0, draw(*view[1:], [int(digest[:12], 16)])[0]
        return numbers

    def change(self, tensors, numbers, augmentation):
        """Pixels float32 (n, height, width, 3), 0..255."""
        return [change(tensors[0], numbers, find_augmentation(augmentation))]

    def movements(self, digests, views, spec):
        """Of views by `change` alone; what was cut out of a larger image lies elsewhere."""
        found = np.tile(np.eye(2, 3, dtype=np.float32), (len(views), 1, 1))
        numbers = self.draw_views(digests, views)
        changed = np.flatnonzero(numbers[:, 0])
        if len(changed):
            kind = find_augmentation(views[changed[0]][0])
            found[changed] = movements(numbers[changed, 1:], size_in(spec.settings), kind)
        return found

    def load_view(self, reference, digest, view, spec):
        """Pixels uint8 (height, width, 3) of a part of the image."""
        return load_crop(reference, digest, view, spec.settings)

    def rotations(self, spec):
        """By quarters, of squares alone."""
        height, width = size_in(spec.settings)
        return 4 if height == width else 1

    def rotate(self, tensors, steps):
        """Against the clock, by 90 degrees a step."""
        return [rotate(tensors[0], steps)]

    def view_key(self, view):
        if view and view[0] in self.read_anew:
            return [*crop_key(view[0]), *view[1:]]
        return view and [*find_augmentation(view[0]), *view[1:]]

    def signatures(self, tf, spec):
        return signatures(tf, spec)


MODALITY = Image()
