"""What every verb shares: flags from a dataclass, one clear line for an error, exit codes."""

import errno
import os
import sys
import traceback
from dataclasses import dataclass

from keras_transfer import progress
from keras_transfer.errors import UserError

DONE, BELOW_BAR, MISTAKE, INTERRUPTED = 0, 1, 2, 130
OF_THE_SYSTEM = {  # errors of files that a user can do something about
    errno.EACCES: "Choose a place you may write to",
    errno.EPERM: "Choose a place you may write to",
    errno.EROFS: "Choose a place that can be written to",
    errno.ENOSPC: "Free some space, or choose another disk with --out",
    errno.EDQUOT: "Free some space, or choose another disk with --out",
    errno.EFBIG: "Choose a disk that takes larger files",
    errno.EIO: "The disk may be failing",
    **dict.fromkeys(
        (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP), "Check the path"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Talk:
    """How a verb talks; every verb has these."""

    quiet: bool = False
    """No progress and no remarks; results and warnings stay."""
    json: bool = False
    """Print JSON instead of tables."""
    debug: bool = False
    """Show the traceback of an error."""


def run_guarded(work, arguments_class, program, arguments=None):
    """Parse `arguments`, call `work` with them; the exit code; an error is one line.

    Args:
        work: function of the parsed dataclass; what it returns is the exit code, None is 0.
        arguments_class: a dataclass with the fields of `Talk`; program: its name in the help.
        arguments: strings; by default those of the process.
    """
    debug = "--debug" in (sys.argv if arguments is None else arguments)
    quiet = progress.QUIET
    try:
        with progress.interruptible():
            asked = parse(arguments_class, program, arguments)
            progress.set_quiet(asked.quiet)
            code = work(asked) or DONE
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (UserError, KeyboardInterrupt, OSError) as error:
        explained = _explain(error)
        if explained is None:
            raise
        if debug:
            traceback.print_exc()
    finally:
        progress.set_quiet(quiet)
    message, code = explained
    print(f"keras-transfer: {message}", file=sys.stderr)
    return code


def _explain(error):
    """(one line, exit code); None for an error that is ours and deserves its traceback."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; what was written so far stays", INTERRUPTED
    if isinstance(error, UserError):
        return str(error), MISTAKE
    if error.errno not in OF_THE_SYSTEM:
        return None
    found = f" (found: {error.filename})" if error.filename else ""
    return f"{error.strerror}{found}. {OF_THE_SYSTEM[error.errno]}", MISTAKE


def check_seed(seed):
    """Refuse a `--seed` that no generator takes."""
    if seed < 0:
        raise UserError("--seed is out of range", seed, "Name 0 or more")


def parse(arguments_class, program, arguments=None):
    """An `arguments_class` from the command line; a wrong flag exits with 2 and the nearest."""
    import tyro

    return tyro.cli(arguments_class, prog=program, args=arguments)
