"""What a long step shows: a bar on a terminal, plain lines elsewhere, nothing when quiet."""

import contextlib
import signal
import sys
import time

QUIET = False
LOG = None  # an open text file that gets every line too
INTERRUPTED = False  # Ctrl-C came
PLAIN_SECONDS = 10  # between two lines where there is no terminal


def set_quiet(quiet):
    """Silence (or not) all progress and remarks of this process."""
    global QUIET
    QUIET = quiet


@contextlib.contextmanager
def quietly(quiet):
    """No progress and no remarks meanwhile, where `quiet`; afterwards as it was before."""
    before = QUIET
    set_quiet(quiet)
    try:
        yield
    finally:
        set_quiet(before)


@contextlib.contextmanager
def logged(path):
    """Write every line meanwhile to the file `path` too, quiet or not."""
    global LOG
    before = LOG
    with open(path, "a", encoding="utf-8") as LOG:
        try:
            yield
        finally:
            LOG = before


def say(text):
    """One line for the person at the terminal, on stderr: results alone go to stdout."""
    _log(text)
    if not QUIET:
        _write(text)


def _log(text):
    if LOG is not None:
        print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=LOG, flush=True)


def warn(text):
    """A line that also a quiet run shows: something is not as the person may think."""
    _log(f"warning: {text}")
    _write(f"warning: {text}")


def _write(text):
    # as one piece: `print` writes the end of the line on its own where output is not buffered
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextlib.contextmanager
def bar(label, total):
    """Yield `advance(count=1)` for a step of `total` parts, shown with what is left of it.

    `advance` is also where a Ctrl-C is heard that came while Python could not raise it (inside a
    callback of a native library it is printed and forgotten).
    """
    with _shown(label, total) as advance:

        def heard(count=1):
            advance(count)
            if INTERRUPTED:
                raise KeyboardInterrupt

        yield heard


def _shown(label, total):
    if QUIET:
        return contextlib.nullcontext(lambda count=1: None)
    return _rich_bar(label, total) if sys.stderr.isatty() else _plain_bar(label, total)


@contextlib.contextmanager
def interruptible():
    """Remember a Ctrl-C, besides raising it, while inside."""
    global INTERRUPTED

    def interrupt(number, frame):
        global INTERRUPTED
        INTERRUPTED = True
        raise KeyboardInterrupt

    INTERRUPTED = False
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        INTERRUPTED = False


@contextlib.contextmanager
def _rich_bar(label, total):
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True)) as progress:
        task = progress.add_task(label, total=total)
        yield lambda count=1: progress.advance(task, count)


@contextlib.contextmanager
def _plain_bar(label, total):
    begun = shown = time.monotonic()
    done = 0

    def advance(count=1):
        nonlocal done, shown
        done += count
        if time.monotonic() - shown > PLAIN_SECONDS:
            shown = time.monotonic()
            say(f"{label}: {done}/{total}")

    yield advance
    say(f"{label}: {done}/{total} in {time.monotonic() - begun:.1f} s")
