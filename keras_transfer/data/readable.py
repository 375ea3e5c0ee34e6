"""Which contents were read well before: later runs decode them only when they want the arrays."""

import sqlite3

from keras_transfer import progress
from keras_transfer.environment import cache_folder, transaction
from keras_transfer.inputs import find_modality

READER_SCHEMA = 1  # to be raised when something is refused that was read before
TABLE = """CREATE TABLE IF NOT EXISTS contents (
    reader TEXT, digest BLOB, PRIMARY KEY (reader, digest)) WITHOUT ROWID"""


def readable_contents(spec):
    """sha256, in hex, of the contents that were read well on this machine: a set.

    Args:
        spec: InputSpec; what its modality's reader takes in decides.
    """
    wanted = "SELECT digest FROM contents WHERE reader = ?"
    try:
        with transaction(_file(), TABLE) as index:
            return {digest.hex() for (digest,) in index.execute(wanted, (_reader(spec),))}
    except (OSError, sqlite3.Error) as error:
        progress.say(f"every example is decoded, {_file()} cannot be used: {error}")
        return set()


def remember_readable(spec, digests, known):
    """Note that contents can be read; `known` are noted already."""
    rows = [(_reader(spec), bytes.fromhex(digest)) for digest in set(digests) - known]
    if not rows:
        return
    try:
        with transaction(_file(), TABLE) as index:
            index.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?)", rows)
    except (OSError, sqlite3.Error) as error:
        progress.say(f"the next run decodes every example, {_file()} cannot be used: {error}")


def _file():
    return cache_folder() / "readable.sqlite"


def _reader(spec):
    return f"{READER_SCHEMA} {find_modality(spec.modality).reader(spec)}"
