"""Rows of numbers on disk that outlive a run: an index in SQLite, bytes in append-only files.

A row is listed only once its bytes are on disk, and a file has one process that appends to it: one
that is killed leaves bytes that nobody lists, and two at once do not meet.
"""

import contextlib
import errno
import json
import time
import zlib
from pathlib import Path

import numpy as np

from keras_transfer.environment import transaction
from keras_transfer.features.writer import Writer

INDEX = "index.sqlite"
LIMIT = 20 * 2**30  # bytes; above it the tables that were not used for longest go
A_DAY = 86400  # seconds
TABLES = """
CREATE TABLE IF NOT EXISTS tables (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, row_bytes INTEGER, used REAL);
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY AUTOINCREMENT, table_id INTEGER, name TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS rows (
    table_id INTEGER, digest BLOB, file_id INTEGER, place INTEGER, checksum INTEGER,
    PRIMARY KEY (table_id, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runtimes (network TEXT PRIMARY KEY, name TEXT);
"""


class DiskStore:
    """Tables of rows below `folder`; `limit` bytes at most, but for the table being written."""

    def __init__(self, folder, limit=LIMIT):
        self.folder, self.limit = Path(folder), limit
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.transaction() as index:
            index.executescript(TABLES)

    def transaction(self):
        """A connection to the index; see `environment.transaction`."""
        return transaction(self.folder / INDEX)

    def runtime_of(self, network):
        """The runtime that was chosen for the network called `network`, or None."""
        with self.transaction() as index:
            row = index.execute(
                "SELECT name FROM runtimes WHERE network = ?", (network,)
            ).fetchone()
        return row and row[0]

    def remember_runtime(self, network, name):
        """Take the runtime `name` for this network from now on."""
        with self.transaction() as index:
            index.execute("INSERT OR REPLACE INTO runtimes VALUES (?, ?)", (network, name))

    def open(self, description, row_shape, dtype):
        """The Table that `description` (a dict that JSON takes) describes; made where it is new."""
        key = json.dumps(description, sort_keys=True)
        row_bytes = int(np.prod(row_shape)) * np.dtype(dtype).itemsize
        with self.transaction() as index:
            index.execute(
                "INSERT OR IGNORE INTO tables (key, row_bytes) VALUES (?, ?)", (key, row_bytes)
            )
            index.execute("UPDATE tables SET used = ? WHERE key = ?", (time.time(), key))
            number = index.execute("SELECT id FROM tables WHERE key = ?", (key,)).fetchone()[0]
        return Table(self, number, tuple(row_shape), np.dtype(dtype))

    def tables(self):
        """One dict a table, longest unused first: id, about, rows, row_bytes, bytes, used.

        `bytes` are those of its files, also those that no row lists.
        """
        with self.transaction() as index:
            found = index.execute(
                "SELECT id, key, row_bytes, used FROM tables ORDER BY used"
            ).fetchall()
            counts = dict(index.execute("SELECT table_id, COUNT(*) FROM rows GROUP BY table_id"))
            files = index.execute("SELECT table_id, name FROM files").fetchall()
        sizes = {}
        for number, name in files:
            with contextlib.suppress(FileNotFoundError):
                sizes[number] = sizes.get(number, 0) + (self.folder / name).stat().st_size
        return [
            {
                "id": number,
                "description": json.loads(description),
                "rows": counts.get(number, 0),
                "row_bytes": row_bytes,
                "bytes": sizes.get(number, 0),
                "used": used,
            }
            for number, description, row_bytes, used in found
        ]

    @property
    def bytes(self):
        """What all files of the store take together."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def make_room(self, needed, keep=()):
        """Delete the tables used longest ago until `needed` bytes fit, but none of `keep`.

        Raises:
            OSError: without room enough; what may go is gone then.
        """
        self._sweep()
        for table in self.tables():
            if self.bytes + needed <= self.limit:
                return
            if table["id"] not in keep:
                self.delete(table["id"])
        if self.bytes + needed > self.limit:
            found = f"{(self.bytes + needed) / 2**30:.1f} GiB are over its limit"
            raise OSError(errno.ENOSPC, found)

    def _sweep(self):
        """Delete files that no table lists: a process was killed before it listed one."""
        with self.transaction() as index:
            listed = {name for (name,) in index.execute("SELECT name FROM files")}
        for path in self.folder.glob("*.rows"):
            with contextlib.suppress(FileNotFoundError):  # another process was faster
                if path.name not in listed and time.time() - path.stat().st_mtime > A_DAY:
                    path.unlink()

    def delete(self, number):
        """Delete one table; who has it open keeps reading it."""
        with self.transaction() as index:
            files = index.execute("SELECT name FROM files WHERE table_id = ?", (number,)).fetchall()
            for name in ("rows", "files"):
                index.execute(f"DELETE FROM {name} WHERE table_id = ?", (number,))
            index.execute("DELETE FROM tables WHERE id = ?", (number,))
        for (name,) in files:
            (self.folder / name).unlink(missing_ok=True)

    def verify(self):
        """Check every row's bytes; delete those that are damaged; {id: (rows, damaged)}."""
        found = {}
        for table in self.tables():
            opened = Table(self, table["id"], (table["row_bytes"],), np.dtype(np.uint8))
            digests = list(opened.listed())
            damaged = opened.damaged(digests)
            found[table["id"]] = (len(digests), len(damaged))
        return found


class Table:
    """The rows of one table, by digest of what they belong to."""

    def __init__(self, store, number, row_shape, dtype):
        self.store, self.number = store, number
        self.row_shape, self.dtype = row_shape, dtype
        self._maps = {}

    @property
    def row_bytes(self):
        return int(np.prod(self.row_shape)) * self.dtype.itemsize

    def listed(self):
        """{digest: (file id, place, checksum)} of all rows."""
        with self.store.transaction() as index:
            found = index.execute(
                "SELECT digest, file_id, place, checksum FROM rows WHERE table_id = ?",
                (self.number,),
            )
            return {digest: where for digest, *where in found}

    def damaged(self, digests):
        """Those of the listed `digests` whose bytes are not what was written; no longer listed."""
        listed = self.listed()
        wrong = []
        for digest in digests:
            # another process may have taken it away since it was found
            file, place, checksum = listed.get(digest, (None, 0, 0))
            rows = () if file is None else self.map(file, place + 1)
            if place >= len(rows) or zlib.crc32(rows[place].tobytes()) != checksum:
                wrong.append(digest)
        with self.store.transaction() as index:
            index.executemany(
                "DELETE FROM rows WHERE table_id = ? AND digest = ?",
                [(self.number, digest) for digest in wrong],
            )
        return wrong

    def map(self, file, least):
        """The whole rows of a file, memory-mapped, (rows, *row_shape); `least` of them if it has.

        A file that grew since it was mapped is mapped anew.
        """
        if file not in self._maps or len(self._maps[file]) < least:
            with self.store.transaction() as index:
                found = index.execute("SELECT name FROM files WHERE id = ?", (file,)).fetchone()
            path = self.store.folder / (found[0] if found else "absent")
            count = path.stat().st_size // self.row_bytes if path.exists() else 0
            empty = np.empty((0, *self.row_shape), self.dtype)
            shape = (count, *self.row_shape)
            self._maps[file] = np.memmap(path, self.dtype, "r", shape=shape) if count else empty
        return self._maps[file]

    @contextlib.contextmanager
    def appending(self):
        """Yield `append(digests, rows)`; what was appended is listed now and then, and at the end.

        Rows are listed when something fails, too: their bytes are sound.
        """
        writer = Writer(self)
        try:
            yield writer.append
        finally:
            writer.close()
