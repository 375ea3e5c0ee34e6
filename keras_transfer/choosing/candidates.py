"""The bases that can be compared: those whose pretrained weights are on this machine."""

import shlex
from pathlib import Path
from typing import NamedTuple

from keras_transfer.bases.downloads import command_for, weights_at_hand
from keras_transfer.bases.table import BASES, find_base
from keras_transfer.errors import UserError


class Candidate(NamedTuple):
    """A base to compare; weights: auto, or the path of a file."""

    name: str
    weights: str = "auto"


def find_candidates(asked=()):
    """(the Candidates whose weights are here, {name: how to get those of another}).

    Args:
        asked: names, or "NAME=PATH" for weights in a file; none for all of the table.

    Raises: UserError for an unknown name, a path where nothing is, or no weights at all.
    """
    wanted = [_parse(text) for text in asked] or [Candidate(name) for name in BASES]
    here, missing = [], {}
    for candidate in dict.fromkeys(wanted):
        if candidate.weights != "auto" or weights_at_hand(candidate.name):
            here.append(candidate)
        elif command_for(candidate.name) or asked:
            missing[candidate.name] = command_for(candidate.name)
    if not here:
        name, command = next(iter(missing.items()))
        advice = f"Run: {command}" if command else "Name others with --bases"
        raise UserError("no base whose pretrained weights are here", name, advice)
    return here, missing


def _parse(text):
    """The Candidate of NAME or NAME=PATH."""
    name, _, path = text.partition("=")
    find_base(name)
    if path and not Path(path).expanduser().exists():
        raise UserError(f"no weights of {name} here", path, "Name a file: --bases NAME=PATH")
    return Candidate(name, str(Path(path).expanduser()) if path else "auto")


def missing_row(name, how):
    """What `choose` tells of a base whose weights are not here; `how`: the command for them."""
    why = f"its weights are not here: {how}" if how else "there are no pretrained weights of it"
    return {"name": name, "score": None, "mib": None, "ms": None, "why_out": why}


def command(candidate, spec):
    """The command that trains a Candidate on data that a command names `spec`."""
    words = ["keras-transfer", "train", "--data", spec, "--base", candidate.name]
    words += ["--weights", candidate.weights] if candidate.weights != "auto" else []
    return shlex.join([*words, "--strategy", "auto"])


def cheapness(candidate):
    """What candidates are sorted by, the cheapest first: about the work for an example."""
    base = BASES[candidate.name]
    return base.parameters * base.image_size**2
