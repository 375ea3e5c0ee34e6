"""Activations of the frozen part, computed once for each example and kept on disk.

A table of them is keyed by all that decides its numbers, a row in it by the example's content: a
stale feature cannot be read, and adding ten examples computes ten.
"""

import sqlite3
import time

import numpy as np

from keras_transfer import progress
from keras_transfer.features.cache import open_disk
from keras_transfer.features.choice import measure_runtimes, name_runtime, stored_precision
from keras_transfer.features.feature_tables import SplitTable
from keras_transfer.features.keys import describe_table
from keras_transfer.features.network import PROOF, FrozenNetwork, network_key
from keras_transfer.features.places import DiskPlace, MemoryPlace
from keras_transfer.runtimes.batching import BATCH_SIZE, stream

DTYPES = {"float32": "float32", "float16": "float16", "bfloat16": "float16"}  # as stored


def open_store(keep=True, precision="auto"):
    """The FeatureStore of a run.

    Args:
        keep: on disk, in the cache folder; else in memory, for the run.
        precision: of the stored numbers: float32, float16, bfloat16 (computed so, too) or auto.
    """
    disk = None
    if keep:
        try:
            disk = open_disk()
        except (OSError, sqlite3.Error) as error:
            _warn_of_memory(error)
    return FeatureStore(disk, precision)


def _warn_of_memory(error):
    progress.warn(f"features stay in memory, the cache folder cannot be used: {error}")


class FeatureStore:
    """Gives features; computes those it does not hold yet.

    Attributes:
        computed, reused: how many examples' features were computed, and found already there.
        seconds: spent on computing.
    """

    def __init__(self, disk=None, precision="auto"):
        """`disk` is a `disk.DiskStore`; without one features stay in memory."""
        self.computed = self.reused = 0
        self.seconds = 0.0
        self._place = MemoryPlace() if disk is None else DiskPlace(disk)
        self._precision = precision
        self._networks = {}  # by key

    @property
    def room(self):
        """How many bytes of features may be kept."""
        return self._place.room

    def features(self, prefix, examples, indices, view=None, expected=0):
        """Features float32 (len(indices), *shape) of the examples at these positions.

        Of a prefix with several outputs they are a tuple.

        Args: as `table`.
        """
        return self.table(prefix, examples, indices, view, expected)[np.asarray(indices)]

    def table(self, prefix, examples, indices, view=None, expected=0):
        """What gives the features float32 of examples when it is indexed by their positions.

        Args:
            prefix: the frozen `keras.Model` from `model.cut`.
            examples: `data.examples.Examples`; indices: which of them.
            view: None for the example as it is, else (augmentation, seed, number).
            expected: how many features the caller will want of this prefix in all.

        Raises:
            NoRoomError: more activations than memory should hold.
        """
        wanted = (prefix, examples, np.unique(np.asarray(indices)), view, expected)
        try:
            return self._filled(*wanted)
        except self._place.errors as error:  # a full disk, a broken index
            _warn_of_memory(error)
            self._place = MemoryPlace()
            self._networks.clear()
            return self._filled(*wanted)

    def _filled(self, prefix, examples, indices, view, expected):
        """The table with the features of `indices` in it."""
        begun = time.monotonic()
        network, count = self._network(prefix), max(expected, len(indices))
        self._place.check(network.shapes, count)
        name = self._choose(network, examples, indices, view, count)
        table = self._open(network, name, examples, view)
        missing = table.missing(indices)
        if len(missing) and not self._is_proven(network, name, examples, missing):
            self._place.choose(network.key, "keras")
            name, table = "keras", self._open(network, "keras", examples, view)
            missing = table.missing(indices)
        self._count(table, indices, missing)
        if len(missing):
            self._place.make_room(table, len(missing))
            runtime = network.runtime(name)
            with table.writing() as put:
                for batch in stream(runtime, examples, missing, "Computing features", view):
                    put(*batch)
            self.seconds += time.monotonic() - begun
        return table

    def _network(self, prefix):
        """The FrozenNetwork of a prefix.

        One that was made of other layers is not taken, even where its key was the same: these
        layers may have been tuned since.
        """
        key = network_key(prefix)
        known = self._networks.get(key)
        if known is None or not known.is_of(prefix):
            self._networks[key] = FrozenNetwork(prefix, key, self._place.networks)
        return self._networks[key]

    def _open(self, network, name, examples, view):
        precision, shapes = stored_precision(self._precision, network.shapes), network.shapes
        description = describe_table(network, name, examples, view, precision)
        row = shapes[0] if len(shapes) == 1 else (sum(int(np.prod(one)) for one in shapes),)
        table = self._place.table(description, examples, row, DTYPES[precision])
        return table if len(shapes) == 1 else SplitTable(table, shapes)

    def _choose(self, network, examples, indices, view, count):
        """The name of the runtime for these examples: chosen once a machine, by measuring or not.

        A network whose features Keras computed before stays with it until many more are wanted.
        """
        remembered = self._place.chosen(network.key)
        name = name_runtime(count, network.small, self._precision, remembered)
        if remembered is not None or name not in ("measure", "litert"):
            return name
        others = count - len(indices)  # of other views
        by_keras = self._open(network, "keras", examples, view).missing(indices)
        if name_runtime(len(by_keras) + others, network.small) == "keras":
            return "keras"  # most of it is there
        if name == "measure":
            name = measure_runtimes(network, examples.batch(indices[:BATCH_SIZE]))
        self._place.choose(network.key, name)
        return name

    def _is_proven(self, network, name, examples, indices):
        """Whether the runtime agrees with Keras, on the first of these examples."""
        return name in network.proven or network.prove(name, examples.batch(indices[:PROOF]))

    def _count(self, table, indices, missing):
        """Count each example of a table once: computed, or found already there."""
        self.computed += len(missing)
        fresh = indices[~table.counted[indices]]
        self.reused += len(np.setdiff1d(fresh, missing))
        table.counted[indices] = True
