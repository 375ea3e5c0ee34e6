"""Activations of the frozen part, computed once for each picture and kept on disk.

A table of them is keyed by all that decides its numbers, a row in it by the picture's content: a
stale feature cannot be read, and adding ten pictures computes ten.
"""

import errno
import os
import shutil
import sqlite3
import time
from hashlib import sha256
from importlib.metadata import version

import numpy as np

from keras_transfer import progress
from keras_transfer.bases.weights import weights_fingerprint
from keras_transfer.data.augment import augment, draw, find_augmentation
from keras_transfer.data.pictures import MEMORY_LIMIT
from keras_transfer.errors import UserError
from keras_transfer.features.disk import LIMIT, DiskStore
from keras_transfer.features.engines import BATCH, Engines, name_engine, stream
from keras_transfer.features.tables import DiskTable, MemoryTable
from keras_transfer.runtime import cache_folder

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
    asked = os.environ.get("KERAS_TRANSFER_CACHE_LIMIT")
    try:
        limit = float(asked) * 2**30 if asked else LIMIT
    except ValueError:
        advice = "It is a number of GiB, for example 20"
        raise UserError("KERAS_TRANSFER_CACHE_LIMIT is no number", asked, advice) from None
    return DiskStore(features_folder(), limit)


class FeatureStore:
    """Answers with features; computes those it does not hold yet.

    Attributes:
        computed, reused: how many pictures' features were computed, and found already there.
        seconds: spent on computing.
    """

    def __init__(self, disk=None, precision="float32"):
        self.computed = self.reused = 0
        self.seconds = 0.0
        self._disk, self._precision = disk, precision
        self._tables = {}  # opened in this run
        self._engines = {}  # by network

    def features(self, prefix, pictures, rows, view=None):
        """Features float32 (len(rows), *shape) of the pictures with these row numbers."""
        return self.table(prefix, pictures, rows, view)[np.asarray(rows)]

    def table(self, prefix, pictures, rows, view=None, expected=0):
        """What gives the features float32 of `rows` when it is indexed by row numbers.

        Args:
            prefix: the frozen `keras.Model` from `model.cut`.
            pictures: `data.pictures.Pictures`.
            view: None for the picture as it is, else (augmentation, seed, number).
            expected: how many features the caller will ask of this prefix in all.
        """
        rows = np.unique(np.asarray(rows))
        engines = self._engines_of(prefix)
        try:
            return self._filled(engines, pictures, rows, view, max(expected, len(rows)))
        except (OSError, sqlite3.Error) as error:
            if self._disk is None:
                raise
            progress.warn(f"features stay in memory, the cache folder cannot be used: {error}")
            self._disk = None
            self._tables.clear()
            return self._filled(engines, pictures, rows, view, max(expected, len(rows)))

    @property
    def room(self):
        """How many bytes of features may be kept."""
        if self._disk is None:
            return MEMORY_LIMIT
        return min(self._disk.limit, shutil.disk_usage(self._disk.folder).free // 2)

    def _engines_of(self, prefix):
        network = f"{weights_fingerprint(prefix)} {sha256(prefix.to_json().encode()).hexdigest()}"
        if network not in self._engines:
            folder = None if self._disk is None else self._disk.folder / "networks"
            self._engines[network] = Engines(prefix, network, folder)
        return self._engines[network]

    def _filled(self, engines, pictures, rows, view, count):
        """The table with `rows` in it."""
        name = self._engine(engines, pictures, rows, count)
        table = self._open(engines, pictures, name, view)
        missing = table.missing(rows)
        if len(missing) and not self._proven(engines, name, pictures, missing):
            table = self._open(engines, pictures, "keras", view)
            name, missing = "keras", table.missing(rows)
        self.reused += len(rows) - len(missing)
        if len(missing):
            begun = time.monotonic()
            if self._disk is not None:
                self._make_room(table, len(missing))
            run, change, label = engines.get(name), _change(view, pictures), "Computing features"
            with table.writing() as put:
                for part, outputs in stream(run, pictures, missing, label, change):
                    put(part, outputs)
            self.computed += len(missing)
            self.seconds += time.monotonic() - begun
        return table

    def _make_room(self, table, rows):
        """Let the oldest tables go for `rows` more; too many of them are kept in memory."""
        needed = rows * table.row_bytes
        if needed > self._disk.limit:
            raise OSError(errno.ENOSPC, f"{needed / 2**30:.1f} GiB are over its limit")
        self._disk.make_room(needed, keep=table.number)

    def _proven(self, engines, name, pictures, rows):
        """Whether the engine agrees with Keras on a first batch; one that does not is dropped."""
        if name in ("keras", "openvino-bfloat16") or name in engines.known:
            return True
        if engines.proven(name, pictures.batch(rows[:BATCH]).astype(np.float32)):
            return True
        engines.chosen = "keras"
        if self._disk is not None:
            self._disk.remember_engine(engines.network, "keras")
        return False

    def _engine(self, engines, pictures, rows, count):
        """The name of the engine for these pictures: chosen by measuring it once a machine."""
        remembered = engines.chosen
        if remembered is None and self._disk is not None:
            remembered = self._disk.engine_of(engines.network)
        name = name_engine(count, self._precision, remembered)
        if name == "measure":
            name = engines.measure(pictures.batch(rows[:BATCH]).astype(np.float32))
            if self._disk is not None:
                self._disk.remember_engine(engines.network, name)
        engines.chosen = name if remembered or name != "keras" else None
        return name

    def _open(self, engines, pictures, name, view):
        key = (engines.network, id(pictures), name, view)
        if key not in self._tables:
            shape, dtype = engines.row_shape, DTYPES[self._precision]
            if self._disk is None:
                self._tables[key] = MemoryTable(pictures, shape, dtype)
            else:
                about = self._about(engines, pictures, name, view)
                self._tables[key] = DiskTable(pictures, self._disk.open(about, shape, dtype), name)
        return self._tables[key]

    def _about(self, engines, pictures, name, view):
        """All that decides the numbers of a table, as JSON takes it."""
        augmentation = view and [*find_augmentation(view[0]), *view[1:]]
        return {
            "schema": SCHEMA,
            "base": engines.base,
            "cut": engines.cut,
            "network": engines.network,
            "size": pictures.size,
            "resize": pictures.resize,
            "engine": f"{name} {version(PACKAGES[name.split('-')[0]])}",
            "tensorflow": version("tensorflow"),
            "precision": self._precision,
            "view": augmentation,
        }


def _change(view, pictures):
    """The function that makes a version of pictures, drawn from their contents."""
    if view is None:
        return None
    augmentation, seed, number = view
    kind = find_augmentation(augmentation)
    digests = pictures.table["sha256"].to_numpy()

    def change(pixels, rows):
        own = [int(digests[row][:12], 16) for row in rows]
        return augment(pixels, draw(seed, number, own), kind)

    return change
