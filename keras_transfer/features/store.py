"""Activations of the frozen part, computed once for each example and kept on disk.

A table of them is keyed by all that decides its numbers, a row in it by the example's content: a
stale feature cannot be read, and adding ten examples computes ten.
"""

import math
import os
import shutil
import sqlite3
import time
from hashlib import sha256
from importlib.metadata import version

import numpy as np

from keras_transfer import progress
from keras_transfer.backend import gpus, load_keras
from keras_transfer.bases.weights import weights_fingerprint
from keras_transfer.data.examples import MEMORY_LIMIT
from keras_transfer.environment import cache_folder
from keras_transfer.errors import UserError
from keras_transfer.features.disk import LIMIT, DiskStore
from keras_transfer.features.tables import DiskTable, MemoryTable
from keras_transfer.inputs.image.augmentation import augment, draw, find_augmentation
from keras_transfer.runtimes.engines import BATCH, Engines, name_engine, stream

SCHEMA = 1  # to be raised when decoding, resizing or augmentation give other numbers than before
DTYPES = {"float32": "float32", "float16": "float16", "bfloat16": "float16"}  # as stored
PACKAGES = {"keras": "keras", "litert": "ai-edge-litert", "openvino": "openvino"}


def open_store(keep=True, precision="float32"):
    """The FeatureStore of a run.

    Args:
        keep: on disk, in the cache folder; else in memory, for the run.
        precision: of the stored numbers: float32, float16 or bfloat16 (computed so, too).
    """
    disk = None
    if keep:
        try:
            disk = open_disk()
        except (OSError, sqlite3.Error) as error:
            progress.warn(f"features stay in memory, the cache folder cannot be used: {error}")
    return FeatureStore(disk, precision)


def features_folder():
    """Where features are kept."""
    return cache_folder() / "features"


def open_disk():
    """The store of this machine; `KERAS_TRANSFER_CACHE_LIMIT` says how many GiB it may take."""
    return DiskStore(features_folder(), cache_limit())


def cache_limit():
    """How many bytes the store may take."""
    asked = os.environ.get("KERAS_TRANSFER_CACHE_LIMIT") or LIMIT / 2**30
    try:
        limit = float(asked)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < math.inf:  # also where it is no number
        advice = "It is a number of GiB, for example 20"
        raise UserError("KERAS_TRANSFER_CACHE_LIMIT makes no sense", asked, advice)
    return limit * 2**30


class NoRoomError(Exception):
    """More activations than may be kept; who trains runs the base in each epoch instead."""


class FeatureStore:
    """Answers with features; computes those it does not hold yet.

    Attributes:
        computed, reused: how many examples' features were computed, and found already there.
        seconds: spent on computing.
    """

    def __init__(self, disk=None, precision="float32"):
        self.computed = self.reused = 0
        self.seconds = 0.0
        self._disk, self._precision = disk, precision
        self._tables = {}  # opened in this run
        self._engines = {}  # by network
        self._counted = {}  # rows of each table that were counted

    def features(self, prefix, examples, rows, view=None, expected=0):
        """Features float32 (len(rows), *shape) of the examples with these row numbers.

        Args: as `table`.
        """
        return self.table(prefix, examples, rows, view, expected)[np.asarray(rows)]

    def known_examples(self):
        """{sha256: limit of pixels} of examples that were read well before, so need no decoding."""
        if self._disk is None:
            return {}
        try:
            return self._disk.examples(_reader())
        except (OSError, sqlite3.Error) as error:
            self._leave_disk(error)
            return {}

    def remember_examples(self, digests, max_pixels, known):
        """Note for later runs that these contents can be read; `known` are those noted already."""
        fresh = {digest for digest in digests if known.get(digest, math.inf) > max_pixels}
        if self._disk is None or not fresh:
            return
        try:
            self._disk.remember_examples(_reader(), fresh, max_pixels)
        except (OSError, sqlite3.Error) as error:
            self._leave_disk(error)

    def _leave_disk(self, error):
        progress.warn(f"features stay in memory, the cache folder cannot be used: {error}")
        self._disk = None
        for kept in (self._tables, self._engines, self._counted):
            kept.clear()

    def table(self, prefix, examples, rows, view=None, expected=0):
        """What gives the features float32 of `rows` when it is indexed by row numbers.

        Args:
            prefix: the frozen `keras.Model` from `model.cut`.
            examples: `data.examples.Examples`.
            view: None for the example as it is, else (augmentation, seed, number).
            expected: how many features the caller will ask of this prefix in all.
        """
        rows = np.unique(np.asarray(rows))
        engines = self._engines_of(prefix)
        try:
            return self._filled(engines, examples, rows, view, max(expected, len(rows)))
        except (OSError, sqlite3.Error) as error:
            if self._disk is None:
                raise
            self._leave_disk(error)
            engines = self._engines_of(prefix)
            return self._filled(engines, examples, rows, view, max(expected, len(rows)))

    @property
    def room(self):
        """How many bytes of features may be kept."""
        if self._disk is None:
            return MEMORY_LIMIT
        # what is stored already may be what is asked for, or may go
        free = shutil.disk_usage(self._disk.folder).free // 2 + self._disk.bytes
        return min(self._disk.limit, free)

    def _engines_of(self, prefix):
        network = f"{weights_fingerprint(prefix)} {sha256(prefix.to_json().encode()).hexdigest()}"
        if network not in self._engines:
            folder = None if self._disk is None else self._disk.folder / "networks"
            self._engines[network] = Engines(prefix, network, folder)
        return self._engines[network]

    def _filled(self, engines, examples, rows, view, count):
        """The table with `rows` in it."""
        begun = time.monotonic()
        self._check_memory(engines, count)
        name = self._engine(engines, examples, rows, count, view)
        table = self._open(engines, examples, name, view)
        missing = table.missing(rows)
        if len(missing) and not self._proven(engines, name, examples, missing):
            table = self._open(engines, examples, "keras", view)
            name, missing = "keras", table.missing(rows)
        self._count(table, rows, missing)
        if len(missing):
            if self._disk is not None:
                mine = {opened.number for opened in self._tables.values()}
                self._disk.make_room(len(missing) * table.row_bytes, keep=mine)
            run, change, label = engines.get(name), _change(view, examples), "Computing features"
            with table.writing() as put:
                for part, outputs in stream(run, examples, missing, label, change):
                    put(part, outputs)
            self.seconds += time.monotonic() - begun
        return table

    def _check_memory(self, engines, count):
        """Refuse more activations than memory should hold; pooled features are always few."""
        needed = 4 * count * int(np.prod(engines.row_shape))
        if self._disk is None and len(engines.row_shape) > 1 and needed > MEMORY_LIMIT:
            raise NoRoomError(f"activations take {needed / 2**30:.1f} GiB of memory")

    def _count(self, table, rows, missing):
        """Count each row of a table once: computed, or found already there."""
        counted = self._counted.setdefault(id(table), np.zeros(table.shape[0], bool))
        self.computed += len(missing)
        fresh = rows[~counted[rows]]
        self.reused += len(fresh) - len(np.intersect1d(fresh, missing))
        counted[rows] = True

    def _proven(self, engines, name, examples, rows):
        """Whether the engine agrees with Keras on a first batch; one that does not is dropped."""
        if name in ("keras", "openvino-bfloat16") or name in engines.known:
            return True
        if engines.proven(name, examples.batch(rows[:BATCH]).astype(np.float32)):
            return True
        engines.chosen = "keras"
        if self._disk is not None:
            self._disk.remember_engine(engines.network, "keras")
        return False

    def _engine(self, engines, examples, rows, count, view):
        """The name of the engine for these examples: chosen once a machine, by measuring it or not.

        A network whose features Keras computed before stays with it until many more are asked for.
        """
        remembered = engines.chosen
        if remembered is None and self._disk is not None:
            remembered = self._disk.engine_of(engines.network)
        name = name_engine(count, engines.small, self._precision, remembered)
        if remembered is None and name in ("measure", "litert"):
            others = count - len(rows)  # of other versions
            by_keras = self._open(engines, examples, "keras", view).missing(rows)
            if name_engine(len(by_keras) + others, engines.small) == "keras":
                return "keras"  # most of it is there
            if name == "measure":
                name = engines.measure(examples.batch(rows[:BATCH]).astype(np.float32))
            engines.chosen = name
            if self._disk is not None:
                self._disk.remember_engine(engines.network, name)
        return name

    def _open(self, engines, examples, name, view):
        key = (engines.network, id(examples), name, view)
        if key not in self._tables:
            shape, dtype = engines.row_shape, DTYPES[self._precision]
            if self._disk is None:
                self._tables[key] = MemoryTable(examples, shape, dtype)
            else:
                description = self._about(engines, examples, name, view)
                self._tables[key] = DiskTable(examples, self._disk.open(description, shape, dtype))
        return self._tables[key]

    def _about(self, engines, examples, name, view):
        """All that decides the numbers of a table, as JSON takes it."""
        augmentation = view and [*find_augmentation(view[0]), *view[1:]]
        return {
            "schema": SCHEMA,
            "base": engines.base,
            "cut": engines.cut,
            "network": engines.network,
            "size": examples.size,
            "resize": examples.resize,
            "engine": f"{name} {version(PACKAGES[name.split('-')[0]])}",
            "device": gpus() or "cpu",
            "backend": load_keras().backend.backend(),
            "tensorflow": version("tensorflow"),
            "pillow": version("pillow"),
            "precision": self._precision,
            "view": augmentation,
        }


def _reader():
    """What decides whether an example can be read."""
    return f"{SCHEMA} tensorflow {version('tensorflow')} pillow {version('pillow')}"


def _change(view, examples):
    """The function that makes a version of examples, drawn from their contents."""
    if view is None:
        return None
    augmentation, seed, number = view
    kind = find_augmentation(augmentation)
    digests = examples.table["sha256"].to_numpy()

    def change(pixels, rows):
        own = [int(digests[row][:12], 16) for row in rows]
        return augment(pixels, draw(seed, number, own), kind)

    return change
