"""The command in a process of its own."""

import subprocess
import sys

FAST = ["--image-size", "64", "--no-export", "--no-report", "--quiet"]


def run_command(*arguments, **settings):
    """The command in a process of its own; (exit code, stdout, stderr)."""
    done = subprocess.run(
        [sys.executable, "-m", "keras_transfer", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        **settings,
    )
    return done.returncode, done.stdout, done.stderr
