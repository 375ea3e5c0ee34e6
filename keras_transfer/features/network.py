"""The frozen part of a network, and the runtimes that compute its features."""

import tempfile
import time
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.backend import load_tensorflow
from keras_transfer.bases.weights import weights_fingerprint
from keras_transfer.environment import atomic_write, cores
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import as_tuple, concatenate, count, from_tuple, take
from keras_transfer.runtimes.conversion import convert_traced, is_small, trace
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.runtimes.litert import LiteRTRuntime
from keras_transfer.runtimes.openvino import OpenVINORuntime

PROOF = 4  # examples on which a runtime must agree with Keras
TOLERANCE = 1e-3  # largest difference from Keras, in units of the features' spread


def network_key(prefix):
    """What names a network's weights and architecture."""
    return f"{weights_fingerprint(prefix)} {sha256(prefix.to_json().encode()).hexdigest()}"


class FrozenNetwork:
    """A network and its runtimes, made when they are asked for.

    Attributes:
        key: see `network_key`; base, cut: names for people.
        shapes: of one example's features, tensor by tensor.
        small: whether it is converted in a second.
        proven: names of the runtimes that agree with Keras.
    """

    def __init__(self, prefix, key, folder=None):
        """`folder` is where converted networks are kept, None for no longer than this run."""
        self.key = key
        self.base, self.cut = prefix.name.removesuffix("_prefix"), _cut_name(prefix)
        self.shapes = tuple(tuple(tensor.shape[1:]) for tensor in prefix.outputs)
        self.small = is_small(prefix)
        self._prefix, self._folder, self._made = prefix, folder, {}
        self.proven = {"keras", "openvino-bfloat16"}  # who wants bfloat16 wants its error, too
        self._temporary = self._traced = None

    def is_of(self, prefix):
        """Whether it runs the very layers of `prefix`, whose weights it then has."""
        pairs = zip(self._prefix.layers, prefix.layers, strict=False)
        return all(own is other for own, other in pairs if own.weights or other.weights)

    def runtime(self, name):
        """The runtime `name`: keras, litert, openvino or openvino-bfloat16."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name):
        if name == "keras":
            return KerasRuntime(self._prefix)
        file = self._converted()
        if name == "litert":
            return LiteRTRuntime(file, interpreters=cores())
        precision = "bfloat16" if name.endswith("bfloat16") else "float32"
        return OpenVINORuntime(file, precision, throughput=True)

    def _converted(self):
        """The network as a .tflite file: converting takes seconds, so it is kept."""
        if self._folder is None and self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory()
        folder = Path(self._folder or self._temporary.name)
        file = self.file_in(folder)
        if not file.exists():
            with atomic_write(file) as growing:
                growing.write_bytes(self._convert())
        return file

    def file_in(self, folder):
        """Where in `folder` the converted network is kept."""
        known_by = f"{self.key} {version('tensorflow')}"  # the converter is TensorFlow's
        return folder / f"{sha256(known_by.encode()).hexdigest()[:32]}.tflite"

    def _convert(self):
        self._traced = trace(self._prefix)
        return convert_traced(self._traced, () if self.small else self._prefix.weights)

    def _by_keras(self, inputs):
        """Predictions of Keras: as it was traced for the converter, or else without compiling."""
        tf, takes = load_tensorflow(), self._prefix.inputs
        inputs = [tf.cast(a, one.dtype) for a, one in zip(as_tuple(inputs), takes, strict=True)]
        if self._traced is None:
            outputs = as_tuple(self._prefix(from_tuple(inputs), training=False))
        else:
            named = self._traced(*inputs)
            outputs = [named[name] for name in sorted(named)]
        return from_tuple([output.numpy() for output in outputs])

    def seconds(self, name, sample):
        """How long a runtime takes for a batch of inputs."""
        runtime = self.runtime(name)
        runtime(sample)  # the first call builds
        begun = time.monotonic()
        runtime(sample)
        return time.monotonic() - begun

    def prove(self, name, sample):
        """Whether a runtime can run this network and agrees with Keras on the first of `sample`."""
        sample = take(sample, slice(PROOF))
        try:
            outputs = self.runtime(name)(sample)
        except (UserError, RuntimeError, ValueError) as error:
            # an operation that the runtime lacks, or a converted file that is broken
            progress.say(f"{name} cannot run this network: {str(error).splitlines()[0]}")
            if self._folder is not None:
                self.file_in(self._folder).unlink(missing_ok=True)
            return False
        # one by one, since what a larger batch takes of memory is not given back (630 MB for eight
        # examples and EfficientNet-Lite0)
        one_by_one = [take(sample, slice(i, i + 1)) for i in range(count(sample))]
        expected = concatenate([self._by_keras(example) for example in one_by_one])
        if not agrees(outputs, expected, name):
            return False
        self.proven.add(name)
        return True


def _cut_name(prefix):
    """What the cut of a prefix is called: by the layers that it ends in."""
    if len(prefix.outputs) == 1:
        return prefix.layers[-1].name
    return " ".join(tensor._keras_history.operation.name for tensor in prefix.outputs)


def agrees(outputs, expected, name):
    """Whether features are those of Keras to TOLERANCE of their spread; says where they are not."""
    difference = max(
        float(np.abs(one - other).max() / max(other.std(), 1e-12))
        for one, other in zip(as_tuple(outputs), as_tuple(expected), strict=True)
    )
    if difference < TOLERANCE:
        return True
    progress.say(f"{name} differs from Keras by {difference:.2g} of the features' spread: not used")
    return False
