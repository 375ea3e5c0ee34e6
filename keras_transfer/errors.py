"""What went wrong, in words a user can act on."""

from difflib import get_close_matches


class UserError(Exception):
    """The caller's mistake or bad data: one line, exit code 2, no traceback.

    Args:
        what: what was wrong, as a sentence without its full stop.
        found: what was found or received in its place; may be empty.
        advice: what to do about it; may be empty.
    """

    def __init__(self, what, found="", advice=""):
        self.what, self.found, self.advice = what, str(found), advice
        found = f" (found: {found})" if self.found else ""
        advice = f". {advice}" if advice else ""
        super().__init__(" ".join(f"{what}{found}{advice}".split()))


class ExampleError(Exception):
    """One example cannot be read; its text is the reason, as `skipped.csv` shows it."""


def count(number, noun):
    """ "1 example", "2 examples"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def flag_of(name):
    """The flag of the command line that sets the setting `name`."""
    return "--" + name.replace("_", "-")


def out_of_range(name, value, low, high):
    """The UserError for a setting `name` whose value is not between `low` and `high`."""
    return UserError(f"{flag_of(name)} is out of range", value, f"Allowed: {low} to {high}")


def unknown_name(kind, name, names):
    """The UserError for a `name` that is none of `names`; offers the nearest."""
    near = get_close_matches(str(name).lower(), [str(n) for n in names], n=3, cutoff=0.5)
    if near:
        return UserError(f"unknown {kind}", repr(name), f"Did you mean {' or '.join(near)}?")
    return UserError(f"unknown {kind}", repr(name), f"Known: {', '.join(sorted(map(str, names)))}")
