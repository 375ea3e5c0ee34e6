"""What runs a network over examples: Keras, or a faster runtime that agrees with it."""

import os
import tempfile
import time
import uuid
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.backend import gpus, load_keras, load_tensorflow
from keras_transfer.data.pipeline import evaluation_batches
from keras_transfer.errors import UserError
from keras_transfer.runtimes.litert import LiteRTEngine, convert_traced, is_small, trace
from keras_transfer.runtimes.openvino import OpenVINOEngine, has_openvino

BATCH = 32  # examples a call; larger ones gain nothing on a CPU and cost memory
FAST_FROM = 300  # examples; converting a small network costs as long as Keras takes for so many
MEASURE_FROM = 2000  # examples; as long as converting and measuring takes for others
PROOF = 4  # examples on which an engine must agree with Keras
AGREES = 1e-3  # largest difference from Keras, in units of the features' spread


def keras_engine(network, batch_size=BATCH):
    """A function from inputs float32 (n, ...), n <= batch_size, to outputs float32 (n, ...).

    On TensorFlow it is one compiled graph for one batch size, a third faster than `predict`
    (a short batch is filled up and cut off again); elsewhere Keras's own `predict_on_batch`.
    """
    if load_keras().backend.backend() != "tensorflow":
        return lambda inputs: np.asarray(network.predict_on_batch(np.asarray(inputs)), np.float32)
    tf = load_tensorflow()
    graph = tf.function(lambda inputs: network(inputs, training=False))

    def run(inputs):
        short = batch_size - len(inputs)
        filled = tf.pad(inputs, [(0, short)] + [(0, 0)] * (len(inputs.shape) - 1))
        return graph(filled)[: len(inputs)].numpy().astype(np.float32, copy=False)

    return run


class Engines:
    """The engines of one network, made when they are asked for.

    Attributes:
        network: what names its weights and architecture; base, cut: names for people.
        row_shape: of one example's features; small: whether it is converted in a second.
        chosen: the name of the engine that it runs on from now on, once that is decided.
        known: names of engines that agreed with Keras.
    """

    def __init__(self, prefix, network, folder):
        """`folder` is where converted networks are kept, None for no longer than this run."""
        self.network, self.chosen, self.known = network, None, set()
        self.base, self.cut = prefix.name.removesuffix("_prefix"), prefix.layers[-1].name
        self.row_shape, self.small = tuple(prefix.output.shape[1:]), is_small(prefix)
        self._prefix, self._folder, self._made = prefix, folder, {}
        self._temporary = self._traced = None

    def get(self, name):
        """The engine `name`: keras, litert, openvino or openvino-bfloat16."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name):
        if name == "keras":
            return keras_engine(self._prefix)
        file = self._converted()
        if name == "litert":
            return LiteRTEngine(file)
        return OpenVINOEngine(file, "bfloat16" if name.endswith("bfloat16") else "float32")

    def _converted(self):
        """The network as a .tflite file: converting takes seconds, so it is kept."""
        if self._folder is None and self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory()
        folder = Path(self._folder or self._temporary.name)
        file = self._file(folder)
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            aside = folder / f"{uuid.uuid4().hex}.partial"
            with open(aside, "wb") as partial:
                partial.write(self._convert())
                partial.flush()
                os.fsync(partial.fileno())
            os.replace(aside, file)
        return file

    def _convert(self):
        self._traced = trace(self._prefix)
        return convert_traced(self._traced, () if self.small else self._prefix.weights)

    def _by_keras(self, pixels):
        """What Keras answers: as it was traced for the converter, or else without compiling."""
        if self._traced is None:
            return np.asarray(self._prefix(pixels, training=False), np.float32)
        (prediction,) = self._traced(load_tensorflow().constant(pixels)).values()
        return prediction.numpy()

    def _file(self, folder):
        known_by = f"{self.network} {version('tensorflow')}"  # the converter is TensorFlow's
        return folder / f"{sha256(known_by.encode()).hexdigest()[:32]}.tflite"

    def measure(self, sample):
        """The name of the fastest engine that agrees with Keras on `sample`, float32 (n, ...)."""
        best, shortest = "keras", _seconds(self.get("keras"), sample)
        for name in ("litert", "openvino") if has_openvino() else ("litert",):
            if self.proven(name, sample) and (now := _seconds(self.get(name), sample)) < shortest:
                best, shortest = name, now
        progress.say(f"features are computed by {best}, {len(sample) / shortest:.0f} examples/s")
        return best

    def proven(self, name, sample):
        """Whether an engine can run this network and agrees with Keras on the first of `sample`."""
        sample = sample[:PROOF]
        try:
            outputs = self.get(name)(sample)
        except (UserError, RuntimeError, ValueError) as error:
            # an operation that the runtime lacks, or a converted file that is broken
            progress.say(f"{name} cannot run this network: {str(error).splitlines()[0]}")
            if self._folder is not None:
                self._file(self._folder).unlink(missing_ok=True)
            return False
        # one by one, since what a larger batch takes of memory is not given back (630 MB for eight
        # examples and EfficientNet-Lite0)
        expected = np.concatenate([self._by_keras(sample[i : i + 1]) for i in range(len(sample))])
        if not agrees(outputs, expected, name):
            return False
        self.known.add(name)
        return True


def name_engine(count, small, precision="float32", remembered=None):
    """Which engine to ask for `count` examples: a name, or "measure" where it is not known yet.

    On a `small` network LiteRT is the faster one on every CPU that was tried; of others, and for
    very many examples, it is measured. The answer hangs on numbers alone, not on how fast the
    machine happens to be at the moment, so that a second run on it finds the features of the first.
    """
    on_cpu = not gpus() and load_keras().backend.backend() == "tensorflow"
    if precision == "bfloat16":
        check_feature_precision(precision)
        return "openvino-bfloat16"
    if not on_cpu or load_keras().config.dtype_policy().name != "float32":
        return "keras"
    if remembered and (remembered != "openvino" or has_openvino()):
        return remembered
    if count >= MEASURE_FROM:
        return "measure"
    return "litert" if small and count >= FAST_FROM else "keras"


def check_feature_precision(precision):
    """Refuse numbers of features that nothing here can compute."""
    if precision == "bfloat16" and not has_openvino():
        raise UserError(
            "--feature-precision bfloat16 needs OpenVINO",
            "not installed",
            "pip install 'keras_transfer[openvino]', or take float32",
        )


def agrees(outputs, expected, name):
    """Whether features are those of Keras to AGREES of their spread; says so where they are not."""
    difference = float(np.abs(outputs - expected).max() / max(expected.std(), 1e-12))
    if difference < AGREES:
        return True
    progress.say(f"{name} differs from Keras by {difference:.2g} of the features' spread: not used")
    return False


def _seconds(engine, sample):
    engine(sample)  # the first call builds
    begun = time.monotonic()
    engine(sample)
    return time.monotonic() - begun


def run_batches(engine, inputs):
    """Outputs float32 (n, ...) of `engine` for an array of inputs (n, ...), batch by batch."""
    parts = np.array_split(inputs, range(BATCH, len(inputs), BATCH))
    return np.concatenate([engine(np.asarray(part, np.float32)) for part in parts])


def stream(engine, examples, rows, label, change=None):
    """Yield (rows, outputs float32) of `engine` for these examples, batch by batch, in order.

    Args:
        engine: function of float32 pixels, at most BATCH.
        examples: `data.examples.Examples`; rows: their row numbers.
        label: what the progress bar says.
        change: function (pixels, rows of the batch) -> pixels, for seeded versions.
    """
    place = 0
    with progress.bar(label, len(rows)) as advance:
        for pixels in evaluation_batches(examples, rows, BATCH):
            batch = rows[place : place + len(pixels)]
            yield batch, engine(change(pixels, batch) if change else pixels)
            place += len(pixels)
            advance(len(pixels))


def run_over(network, examples, rows, label):
    """Outputs float32 (len(rows), ...) of `network` for these examples."""
    outputs = [out for _, out in stream(keras_engine(network), examples, rows, label)]
    return np.concatenate(outputs) if outputs else np.zeros((0, *network.output.shape[1:]))
