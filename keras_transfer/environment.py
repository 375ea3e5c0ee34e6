"""This machine without Keras: versions, processor, the cache folder, files that appear whole."""

import contextlib
import json
import os
import platform
import shutil
import sqlite3
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from keras_transfer import __version__
from keras_transfer.errors import UserError

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "pandas", "pillow", "ai-edge-litert")
UNKNOWN_MEMORY = 4 * 2**30  # bytes, where the system does not tell how much is free
DATABASE_SECONDS = 60  # to wait for another process's transaction


def cache_folder():
    """Where what can be made again is kept; `KERAS_TRANSFER_CACHE` moves it."""
    named = os.environ.get("KERAS_TRANSFER_CACHE")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "keras_transfer"


def versions():
    """Versions of this package and of those that decide what a run gives."""
    found = {"keras_transfer": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def machine():
    """The processor, as the system names it, and how many of its cores this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {cores()} cores"


def cores():
    """How many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def available_memory():
    """Bytes of memory that are free for a process: of the machine, or of its container."""
    info, free = Path("/proc/meminfo"), UNKNOWN_MEMORY
    if info.exists():
        fields = dict(line.split(":") for line in info.read_text().splitlines())
        free = 1024 * int(fields["MemAvailable"].split()[0])
    limit, used = (Path("/sys/fs/cgroup") / f"memory.{name}" for name in ("max", "current"))
    if limit.exists() and limit.read_text().strip() != "max":
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return free


@contextlib.contextmanager
def atomic_write(target, replace=True):
    """Yield a path to write a file or folder to; at the end it replaces `target` as a whole.

    Until then whatever was at `target` stays. An error inside leaves it untouched and removes
    what was half written.

    Args:
        target: path of a file or folder; missing parents are made.
        replace: whether it replaces what is there by then; else that stays, since another process
            has made the same.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # the same folder, so that moving is a rename and cannot stop half way
        growing = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield growing / target.name
            if replace or not target.exists():
                replace_whole(growing / target.name, target, growing / "old")
        finally:
            shutil.rmtree(growing, ignore_errors=True)
    except OSError as error:
        raise cannot_write(target, error.strerror or error) from error


def replace_whole(fresh, target, old):
    """Rename `fresh` to `target`; a folder that stood there becomes `old`, or is put back."""
    replaced = target.is_dir() or (fresh.is_dir() and target.exists())
    if replaced:
        os.rename(target, old)  # a folder with something in it cannot be renamed over
    try:
        os.replace(fresh, target)
    except OSError:
        if replaced:
            os.rename(old, target)
        raise


@contextlib.contextmanager
def transaction(path, tables=""):
    """A connection to an SQLite file that nobody else writes to meanwhile; all or nothing.

    Args:
        path: of the file; it and its folder are made where they are missing.
        tables: a statement that makes a table where it is missing.

    Raises:
        OSError, sqlite3.Error: it cannot be used.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=DATABASE_SECONDS, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            connection.execute(tables)
            yield connection
    finally:
        connection.close()


def write_text(path, text):
    """Write a small file as a whole."""
    with atomic_write(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


def read_json(path, keys=()):
    """The JSON object in a file that was written by us, as a dict.

    Raises:
        UserError: the file is gone, holds something else, or lacks one of `keys`.
    """
    path = Path(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path.name} is gone", path) from None
    except ValueError as error:  # no text, or no JSON
        raise UserError(f"{path.name} is damaged", f"{path}: {error}") from None
    missing = [key for key in keys if key not in found] if isinstance(found, dict) else ["{}"]
    if missing:
        raise UserError(f"{path.name} is damaged", f"{path}: no {missing[0]}")
    return found


def cannot_write(target, reason):
    """The UserError for a place that takes no file."""
    advice = "What was there stays. Free some space or name another folder"
    return UserError(f"{target} cannot be written", reason, advice)
