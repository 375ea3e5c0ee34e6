"""Appends rows to the files of a stored table."""

import errno
import fcntl
import os
import time
import uuid
import zlib

import numpy as np

FLUSH = 64 * 2**20  # bytes between two listings, or
FLUSH_SECONDS = 2.0


class Writer:
    """Appends rows to a file of the table that no other process appends to at the moment."""

    def __init__(self, table):
        self.table = table
        self.waiting, self.flushed = [], time.monotonic()
        with table.store.transaction() as index:
            self._check_table(index)
            asked = "SELECT id, name FROM files WHERE table_id = ?"
            found = index.execute(asked, (table.number,)).fetchall()
            self.number, self.file = self._lock_one(found) or self._create(index)
        end = self.file.seek(0, os.SEEK_END)
        self.places = end // table.row_bytes  # a killed process may have left part of a row
        self.file.seek(self.places * table.row_bytes)

    def _check_table(self, index):
        asked = "SELECT 1 FROM tables WHERE id = ?"
        if not index.execute(asked, (self.table.number,)).fetchone():
            raise FileNotFoundError(errno.ENOENT, "the table was deleted meanwhile")

    def _lock_one(self, found):
        """(id, file) of one of the table's files that is free, or None."""
        for number, name in found:
            try:
                file = open(self.table.store.folder / name, "r+b")  # noqa: SIM115
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return number, file
            except OSError:  # another process appends to it
                file.close()
        return None

    def _create(self, index):
        name = f"{self.table.number}-{uuid.uuid4().hex}.rows"
        file = open(self.table.store.folder / name, "xb")  # noqa: SIM115
        fcntl.flock(file, fcntl.LOCK_EX)
        added = "INSERT INTO files (table_id, name) VALUES (?, ?)"
        return index.execute(added, (self.table.number, name)).lastrowid, file

    def append(self, digests, rows):
        rows = np.ascontiguousarray(rows, self.table.dtype)
        for digest, row in zip(digests, rows, strict=True):
            data = row.tobytes()
            self.file.write(data)
            self.waiting.append((digest, self.places, zlib.crc32(data)))
            self.places += 1
        late = time.monotonic() - self.flushed > FLUSH_SECONDS
        if late or len(self.waiting) * self.table.row_bytes > FLUSH:
            self.flush()

    def flush(self):
        """Bytes to the disk first, then the rows into the index."""
        self.file.flush()
        os.fsync(self.file.fileno())
        with self.table.store.transaction() as index:
            self._check_table(index)
            # another process may have listed the same example meanwhile: the first one stays
            index.executemany(
                "INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?)",
                [
                    (self.table.number, d, self.number, place, sum_)
                    for d, place, sum_ in self.waiting
                ],
            )
        self.waiting, self.flushed = [], time.monotonic()

    def close(self):
        try:
            if self.waiting:
                self.flush()
        finally:
            self.file.close()
