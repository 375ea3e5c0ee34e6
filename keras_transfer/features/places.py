"""Where the features of a run lie: on disk, or in memory where there is no disk for them.

A place opens tables and holds which runtime was chosen for a network.
"""

import json
import math
import shutil
import sqlite3

import numpy as np

from keras_transfer.data.examples import MEMORY_LIMIT
from keras_transfer.features.feature_tables import DiskTable, MemoryTable
from keras_transfer.features.keys import contents_key


class NoRoomError(Exception):
    """More activations than may be kept; who trains runs the base in each epoch instead."""


class MemoryPlace:
    """For the length of a run.

    Attributes:
        errors: what may befall it, and not the run.
        networks: the folder of converted networks; None where they are not kept.
        room: how many bytes of features it takes.
        activations_limit: how many bytes of those that are not pooled it takes in one table.
    """

    errors, networks, room, activations_limit = (), None, MEMORY_LIMIT, MEMORY_LIMIT

    def __init__(self):
        self._tables, self._chosen = {}, {}

    def table(self, description, examples, shape, dtype):
        """The table of what `describe_table` described, for these examples; opened once."""
        key = (json.dumps(description, sort_keys=True), contents_key(examples))
        if key not in self._tables:
            self._tables[key] = self._open(description, examples, shape, dtype)
        return self._tables[key]

    def _open(self, description, examples, shape, dtype):
        return MemoryTable(examples, shape, dtype)

    def chosen(self, network):
        """The name of the runtime that was chosen for this network (its key), or None."""
        return self._chosen.get(network)

    def choose(self, network, runtime):
        """Take this runtime for the network from now on."""
        self._chosen[network] = runtime

    def check(self, shapes, count):
        """Refuse more activations than it should hold; pooled features are always few."""
        needed = 4 * count * sum(int(np.prod(shape)) for shape in shapes)
        pooled = all(len(shape) == 1 for shape in shapes)
        if not pooled and needed > self.activations_limit:
            raise NoRoomError(f"activations take {needed / 2**30:.1f} GiB of memory")

    def make_room(self, table, count):
        """Take care that so many rows fit into a table."""


class DiskPlace(MemoryPlace):
    """What outlives the run, in a `disk.DiskStore`."""

    errors, activations_limit = (OSError, sqlite3.Error), math.inf  # `make_room` refuses

    def __init__(self, disk):
        super().__init__()
        self._disk, self.networks = disk, disk.folder / "networks"

    @property
    def room(self):
        # what is stored already may be what is asked for, or may go
        free = shutil.disk_usage(self._disk.folder).free // 2 + self._disk.bytes
        return min(self._disk.limit, free)

    def _open(self, description, examples, shape, dtype):
        return DiskTable(examples, self._disk.open(description, shape, dtype))

    def chosen(self, network):
        return super().chosen(network) or self._disk.runtime_of(network)

    def choose(self, network, runtime):
        super().choose(network, runtime)
        self._disk.remember_runtime(network, runtime)

    def make_room(self, table, count):
        """Raises: OSError, where what may be deleted is not enough."""
        opened = {table.number for table in self._tables.values()}
        self._disk.make_room(count * table.row_bytes, keep=opened)
