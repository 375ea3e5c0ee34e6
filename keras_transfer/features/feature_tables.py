"""Features of one kind for the examples of a run: in memory, or on disk and memory-mapped.

Both give float32 (len(indices), *shape) for `table[indices]`, know which of them are `missing`, and
take them in `with table.writing() as put: put(indices, outputs)`. `counted` says of which examples
the run has counted the features as computed or reused.
"""

import contextlib
from itertools import pairwise

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import count


class MemoryTable:
    """For the length of a run."""

    def __init__(self, examples, row_shape, dtype):
        # pages of a fresh array are not there until they are written
        self._array = np.zeros((len(examples), *row_shape), dtype)
        self._have, self.counted = np.zeros((2, len(examples)), bool)
        self.shape = self._array.shape

    def __getitem__(self, indices):
        return self._array[indices].astype(np.float32, copy=False)

    def missing(self, indices):
        return indices[~self._have[indices]]

    @contextlib.contextmanager
    def writing(self):
        def put(indices, outputs):
            self._array[indices] = outputs
            self._have[indices] = True

        yield put


class SplitTable:
    """A table whose rows hold several tensors, one after the other: a tuple for each request.

    Args:
        table: of flat rows; shapes: of one example's tensors.
    """

    def __init__(self, table, shapes):
        self._table, self._shapes = table, shapes
        self._ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])

    def __getattr__(self, name):
        return getattr(self._table, name)

    def __getitem__(self, indices):
        rows = self._table[indices]
        parts = zip(pairwise(self._ends), self._shapes, strict=True)
        return tuple(rows[:, a:b].reshape(len(rows), *shape) for (a, b), shape in parts)

    @contextlib.contextmanager
    def writing(self):
        with self._table.writing() as put:
            yield lambda indices, outputs: put(indices, self._joined(outputs))

    def _joined(self, outputs):
        return np.concatenate([one.reshape(len(one), -1) for one in outputs], axis=1)


class DiskTable:
    """Rows of a `disk.Table`, found by the contents of examples."""

    def __init__(self, examples, table):
        self._table = table
        self._digests = [bytes.fromhex(digest) for digest in examples.table["sha256"]]
        self._shown = examples.table["shown"].to_numpy()
        self._files = np.full(len(examples), -1)
        self._places = np.zeros(len(examples), np.int64)
        self._sound = set()
        self.counted = np.zeros(len(examples), bool)
        self.shape = (len(examples), *table.row_shape)
        self.number, self.row_bytes = table.number, table.row_bytes
        self._locate()

    def _locate(self):
        listed = self._table.listed()
        for index, digest in enumerate(self._digests):
            self._files[index], self._places[index] = listed.get(digest, (-1, 0, 0))[:2]
        # mapped now: what is deleted later can still be read
        for file in set(self._files.tolist()) - {-1}:
            inside = self._files == file
            rows = self._table.map(file, self._places[inside].max() + 1)
            self._files[inside & (self._places >= len(rows))] = -1

    def __getitem__(self, indices):
        indices = np.asarray(indices)
        files, places = self._files[indices], self._places[indices]
        outputs = np.empty((len(indices), *self.shape[1:]), np.float32)
        for file in np.unique(files):
            inside = files == file
            wanted = places[inside]
            outputs[inside] = self._table.map(int(file), wanted.max() + 1)[wanted]
        return outputs

    def missing(self, indices):
        """Those that are not there, or whose bytes are not what was written; one a content."""
        self._locate()  # another process may have added rows, or taken the table away
        wanted = {self._digests[index]: index for index in indices[::-1]}
        there = [d for d, i in wanted.items() if self._files[i] >= 0 and d not in self._sound]
        damaged = self._table.damaged(there)
        if damaged:
            first = self._shown[wanted[damaged[0]]]
            what = count(len(damaged), "stored feature")
            progress.warn(f"{what} damaged on disk, computed again; the first is of {first}")
            self._locate()
        self._sound.update(set(there) - set(damaged))
        absent = sorted(index for index in wanted.values() if self._files[index] < 0)
        return np.array(absent, dtype=np.int64)

    @contextlib.contextmanager
    def writing(self):
        with self._table.appending() as append:

            def put(indices, outputs):
                append([self._digests[index] for index in indices], outputs)

            yield put
        self._locate()
