"""What goes into a model: one file a modality, each with the same few functions."""

from typing import Any, ClassVar, NamedTuple

import numpy as np

from keras_transfer.config import find_in
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import as_tuple, from_tuple


class Tensor(NamedTuple):
    """One input of a model, for one example."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class InputSpec(NamedTuple):
    """What a model takes: all that decides how an example becomes arrays, as JSON can hold it.

    Attributes:
        modality: the name of a file in `inputs`.
        tensors: the model's inputs in their order.
        settings: what the modality needs besides, for example {"resize": "squeeze"}.
    """

    modality: str
    tensors: tuple[Tensor, ...]
    settings: dict[str, Any]

    @property
    def bytes(self):
        """What one example takes in memory."""
        return sum(int(np.prod(t.shape)) * np.dtype(t.dtype).itemsize for t in self.tensors)


class Loaded(NamedTuple):
    """One example as a model takes it.

    Attributes:
        arrays: an array, or a tuple of them where there are several inputs.
        geometry: how the raw example was brought to them (None where there is nothing to say);
            tasks whose targets lie inside an example need it.
    """

    arrays: Any
    geometry: Any = None


class Modality:
    """One kind of input. `inputs/NAME.py` makes one and calls it MODALITY.

    A file may have a frozen dataclass `Settings`, whose fields join the flags.
    """

    name: ClassVar[str]
    endings: ClassVar[frozenset] = frozenset()  # of the files that are looked for in folders
    limits: ClassVar[tuple[str, ...]] = ()  # what `signatures` decode otherwise than `load`
    app_way: ClassVar[str] = ""  # how `load_as_apps` differs from `load`; empty where it does not
    has_phone_metadata: ClassVar[bool] = False  # TFLite's metadata have a schema for such inputs
    loads_in_graph: ClassVar[bool] = False  # whether there is `load_in_graph`
    view_size: ClassVar[int] = 0  # how many numbers `draw_views` gives for one view
    read_anew: ClassVar[tuple[str, ...]] = ()  # augmentations by `load_view`, not by `change`

    def spec(self, base, config):
        """The InputSpec for a `bases.table.Base` and a `TrainConfig`."""
        raise NotImplementedError

    def load(self, reference, spec):
        """One example as Loaded; ExampleError where it cannot be read.

        Args:
            reference: path of a file, its bytes, or one row of an array.
            spec: InputSpec.
        """
        raise NotImplementedError

    def raw_size(self, reference):
        """(width, height) of a raw example, for annotations in shares of them; ExampleError where
        it cannot be read."""
        raise NotImplementedError

    def geometry(self, reference, spec):
        """The geometry of an example, as `load` gives it, without decoding all of it.

        It has `to_model(points)` and `from_model(points)`, for relative coordinates (n, 2), x and
        y of the raw example and of what the model sees, 0 to 1; and the raw `height` and `width`.
        """
        return self.load(reference, spec).geometry

    def load_as_apps(self, reference, spec):
        """The same by what an app has at hand; see `app_way`."""
        return self.load(reference, spec)

    def load_whole(self, reference, spec):
        """One example of its own size, for a file that takes any size."""
        return self.load(reference, spec)

    def check_any_size(self, spec):
        """Refuse a file that takes examples of any size."""
        raise UserError(f"{self.name}s of any size cannot go into a file", "--dynamic-size")

    def show(self, reference, spec):
        """What the model sees of an example, for a person: pixels uint8 (height, width, 3).

        A map over the model's input, resized to these rows and columns, lies where it belongs.
        """
        raise UserError("such inputs cannot be shown with a map of what matters in them", self.name)

    def save_golden(self, arrays, path):
        """Write one example as a file that apps can read; its name (None where there is none).

        Args:
            arrays: of one example; path: of the file, without its ending.
        """
        return None

    def preview(self, reference, side):
        """RGB pixels uint8 (height, width, 3) that show an example, neither side over `side`.

        Args:
            reference: as for `load`.

        Returns: None where there is nothing to be seen, or it cannot be read.
        """
        return None

    def thumbnail(self, reference, side, text):
        """An example on a page, as HTML; None where there is nothing to be seen.

        Args:
            reference, side: as for `preview`; text: what it is, for those who cannot see it.
        """
        return None

    def is_served_alike(self, data):
        """Whether `signatures` read a file's bytes as `load` does."""
        return True

    def check_array(self, array):
        """Examples that came as an array (n, ...), checked; UserError where they make no sense."""
        return np.asarray(array)

    def is_single(self, array, label):
        """Whether an element of a tf.data.Dataset is one example, not a batch of them."""
        return not label.ndim

    def remark(self, path, data):
        """A line about a file that is not what its name says; by default none."""
        return ""

    def notes(self, names):
        """Lines about files of these names, before any is read: what is missing for some."""
        return []

    def reader(self, spec):
        """A text that changes when other examples can be read than before."""
        return self.name

    def load_first(self, reference, spec):
        """The arrays of `load`, and in which way `load_in_graph` gives the same; 0 where it cannot.

        Args: as of `load`.
        """
        return self.load(reference, spec).arrays, 0

    def load_in_graph(self, path, way, spec):
        """The arrays of `load` by TensorFlow's operations alone: a list of tensors.

        Args:
            path: tensor, the name of a file; way: tensor int32, over 0, from `load_first`.
        """
        raise NotImplementedError

    def augmentation_for(self, name, config, turned=True):
        """The name of an augmentation as views have it, for the settings of a TrainConfig.

        Args:
            turned: whether views may turn and shear what is seen: the box about something that was
                turned is not known.
        """
        return name

    def shown_pixels(self, arrays):
        """What the arrays of an example look like: RGB pixels uint8 (height, width, 3)."""
        raise UserError("such inputs cannot be shown", self.name)

    def augment(self, batch, digests, views):
        """A view of each example of a batch.

        Args:
            batch: arrays (n, ...); digests: sha256 in hex of each example's contents.
            views: for each example None (plain) or (augmentation, seed, number): with the digest
                it decides what is drawn, so that an example's view is the same in every batch,
                stored or not.
        """
        numbers = self.draw_views(digests, views)
        augmentation = next(view[0] for view in views if view is not None)
        changed = self.change(list(as_tuple(batch)), numbers, augmentation)
        return from_tuple([np.asarray(tensor) for tensor in changed])

    def draw_views(self, digests, views):
        """What decides the view of each example: float32 (n, view_size).

        Args: as of `augment`.
        """
        if any(view is not None for view in views):
            raise UserError(f"{self.name} has no augmentation", "--augment", "Take --augment none")
        return np.zeros((len(views), self.view_size), np.float32)

    def change(self, tensors, numbers, augmentation):
        """Views of a batch, by TensorFlow's operations alone: a list of tensors (n, ...).

        Args:
            tensors: the examples; numbers: from `draw_views`; augmentation: its name.
        """
        raise NotImplementedError

    def load_view(self, reference, digest, view, spec):
        """The arrays of a view for which an example is read anew, since its inputs hold too little.

        Args:
            reference, spec: as of `load`; digest, view: as of `augment`, the augmentation one of
                `read_anew`.
        """
        raise NotImplementedError

    def rotations(self, spec):
        """In how many ways `rotate` makes another class of a class; 1 where it does not."""
        return 1

    def rotate(self, tensors, steps):
        """Examples turned so far that they are of another class, by TensorFlow's operations alone.

        Args:
            tensors: a batch (n, ...); steps: int32 (n,), 0 (as they are) to `rotations` - 1.
        """
        raise NotImplementedError

    def movements(self, digests, views, spec):
        """Where views show what: float32 (n, 2, 3), from a view's relative coordinates (x, y, 1) to
        those of the plain example.

        Args: as of `augment`; spec: InputSpec.
        """
        raise UserError(f"it is not known where views of {self.name}s show what", "--augment")

    def view_key(self, view):
        """All that decides the numbers of a view, as JSON takes it."""
        return view and list(view)

    def signatures(self, tf, spec):
        """Ways a SavedModel takes raw examples: {name: (function to the inputs, TensorSpecs)}.

        The first becomes `serving_default`; `serve_arrays`, the model's own inputs, is there
        anyway, and is the default where there is no other.
        """
        return {}


def find_modality(name):
    """The Modality called `name`; an unknown name is a UserError."""
    return find_in("inputs", "modality", name).MODALITY
