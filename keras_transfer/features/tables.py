"""Features of one kind for the examples of a run: in memory, or on disk and memory-mapped.

Both answer `table[rows]` with float32 (len(rows), *shape), know which rows are `missing`, and take
them in `with table.writing() as put: put(rows, outputs)`.
"""

import contextlib

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import count


class MemoryTable:
    """For the length of a run."""

    def __init__(self, examples, row_shape, dtype):
        # pages of a fresh array are not there until they are written
        self._array = np.zeros((len(examples), *row_shape), dtype)
        self._have = np.zeros(len(examples), bool)
        self.shape = self._array.shape

    def __getitem__(self, rows):
        return self._array[rows].astype(np.float32, copy=False)

    def missing(self, rows):
        return rows[~self._have[rows]]

    @contextlib.contextmanager
    def writing(self):
        def put(rows, outputs):
            self._array[rows] = outputs
            self._have[rows] = True

        yield put


class DiskTable:
    """Rows of a `disk.Table`, found by the contents of examples."""

    def __init__(self, examples, table):
        self._table = table
        self._digests = [bytes.fromhex(digest) for digest in examples.table["sha256"]]
        self._shown = examples.table["shown"].to_numpy()
        self._files = np.full(len(examples), -1)
        self._places = np.zeros(len(examples), np.int64)
        self._sound = set()
        self.shape = (len(examples), *table.row_shape)
        self.number, self.row_bytes = table.number, table.row_bytes
        self._locate()

    def _locate(self):
        listed = self._table.listed()
        for row, digest in enumerate(self._digests):
            self._files[row], self._places[row] = listed.get(digest, (-1, 0, 0))[:2]
        # mapped now: what is deleted later can still be read
        for file in set(self._files.tolist()) - {-1}:
            inside = self._files == file
            rows = self._table.map(file, self._places[inside].max() + 1)
            self._files[inside & (self._places >= len(rows))] = -1

    def __getitem__(self, rows):
        rows = np.asarray(rows)
        files, places = self._files[rows], self._places[rows]
        outputs = np.empty((len(rows), *self.shape[1:]), np.float32)
        for file in np.unique(files):
            inside = files == file
            wanted = places[inside]
            outputs[inside] = self._table.map(int(file), wanted.max() + 1)[wanted]
        return outputs

    def missing(self, rows):
        """Rows that are not there, or whose bytes are not what was written; one a content."""
        self._locate()  # another process may have added rows, or taken the table away
        asked = {self._digests[row]: row for row in rows[::-1]}
        there = [d for d, row in asked.items() if self._files[row] >= 0 and d not in self._sound]
        damaged = self._table.damaged(there)
        if damaged:
            first = self._shown[asked[damaged[0]]]
            what = count(len(damaged), "stored feature")
            progress.warn(f"{what} damaged on disk, computed again; the first is of {first}")
            self._locate()
        self._sound.update(set(there) - set(damaged))
        return np.array(
            sorted(row for row in asked.values() if self._files[row] < 0), dtype=np.int64
        )

    @contextlib.contextmanager
    def writing(self):
        with self._table.appending() as append:

            def put(rows, outputs):
                append([self._digests[row] for row in rows], outputs)

            yield put
        self._locate()
