"""Examples themselves as what a training is fed with: views of each in turn."""

import os

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.data.pipeline import Source
from keras_transfer.inputs.common.arrays import as_tuple

UNKNOWN = -1  # a file that was not read yet


def turns(indices, epoch, count):
    """Which of so many views each example shows: an epoch has something of each view."""
    return (epoch + np.asarray(indices)) % count


class RawInputs:
    """A function (indices, epoch) -> arrays (n, ...); without an epoch of the plain examples.

    Args:
        examples: `data.examples.Examples`.
        views: of each, in turn; see `inputs.Modality.augment`.
    """

    def __init__(self, examples, views):
        self.examples, self.views = examples, views
        self.modality, self.spec = examples.modality, examples.spec

    def __call__(self, indices, epoch=None):
        return self.examples.views(indices, self.shown(indices, epoch))

    def shown(self, indices, epoch):
        """The view of each example in an epoch, a list; the plain one without an epoch."""
        if epoch is None:
            return [self.views[0]] * len(indices)
        return [self.views[turn] for turn in turns(indices, epoch, len(self.views))]

    def source(self, signature):
        """The same examples as a `data.pipeline.Source` for a network of this signature.

        Those that are kept decoded come out of memory; files are read and decoded in the graph.
        """
        from_files = self.modality.loads_in_graph and self.examples.array is None
        if self.examples.kept is None and from_files:
            return _from_files(self, signature)
        return _from_memory(self, signature)

    def drawn(self, indices, epoch):
        """Numbers float32 (n, d) that decide the view of each example."""
        digests = self.examples.digests[np.asarray(indices)]
        return self.modality.draw_views(digests, self.shown(indices, epoch))

    def finish(self, signature):
        """A function of the examples' tensors and those numbers -> the network's inputs."""
        augmentation = next((view[0] for view in self.views if view is not None), None)

        def finish(*tensors):
            *inputs, numbers = tensors
            if augmentation is not None:
                inputs = self.modality.change(inputs, numbers, augmentation)
            cast = load_tensorflow().cast
            return [cast(one, dtype) for one, (_, dtype) in zip(inputs, signature, strict=True)]

        return finish


def _from_memory(raw, signature):
    examples, size = raw.examples, raw.modality.view_size

    def numbers(indices, epoch):
        return *as_tuple(examples.batch(indices)), raw.drawn(indices, epoch)

    kinds = [(tensor.shape, tensor.dtype) for tensor in raw.spec.tensors]
    return Source([*kinds, ((size,), np.float32)], numbers, None, raw.finish(signature))


def _from_files(raw, signature):
    """Files that TensorFlow reads like `Modality.load` are found out when they are first read."""
    tf, examples, spec = load_tensorflow(), raw.examples, raw.spec
    paths = tf.constant([os.fsencode(path) for path in examples.table["path"]])
    ways = np.full(len(examples), UNKNOWN, np.int32)
    types = [tf.as_dtype(tensor.dtype) for tensor in spec.tensors]

    def numbers(indices, epoch):
        return np.asarray(indices), ways[indices], raw.drawn(indices, epoch)

    def carefully(index):
        reference = examples.reference(int(index))
        if ways[index] == UNKNOWN:
            arrays, ways[index] = raw.modality.load_first(reference, spec)
        else:
            arrays = raw.modality.load(reference, spec).arrays
        return list(as_tuple(arrays))

    def load(index, way, drawn):
        tensors = tf.cond(
            way > 0,
            lambda: list(raw.modality.load_in_graph(paths[index], way, spec)),
            lambda: tf.numpy_function(carefully, [index], types),
        )
        for tensor, described in zip(tensors, spec.tensors, strict=True):
            tensor.set_shape(described.shape)
        return *tensors, drawn

    kinds = [((), np.int64), ((), np.int32), ((raw.modality.view_size,), np.float32)]
    return Source(kinds, numbers, load, raw.finish(signature))
