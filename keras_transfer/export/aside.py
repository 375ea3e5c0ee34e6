"""Files and folders that appear whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from keras_transfer.errors import UserError


@contextlib.contextmanager
def written_aside(target):
    """Yield a path of the same name in a new folder beside `target`; what is there in the end
    takes the place of `target`.

    Until then what was at `target` stays, and an error inside leaves it so and removes what was
    half written.

    Args:
        target: path of a file or folder to make; missing parents are made.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # the same folder, so that moving is a rename and cannot stop half way
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield aside / target.name
            move_over(aside / target.name, target, aside)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise cannot_write(target, error.strerror or error) from error


def move_over(fresh, target, aside):
    """Rename `fresh` to `target`; what was there goes to the folder `aside`, or back on failure."""
    old = aside / "old"
    replaced = target.is_dir() or (fresh.is_dir() and target.exists())
    if replaced:
        # a folder with something in it cannot be renamed over
        os.rename(target, old)
    try:
        os.replace(fresh, target)
    except OSError:
        if replaced:
            os.rename(old, target)
        raise


def write_text(path, text):
    """Write a small file whole."""
    with written_aside(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


def cannot_write(target, reason):
    """The UserError for a place that takes no file."""
    advice = "What was there stays. Free some space or name another folder"
    return UserError(f"{target} cannot be written", reason, advice)
