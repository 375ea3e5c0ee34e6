"""`keras-transfer check`: see what training would see."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from keras_transfer import progress
from keras_transfer.cli.command import Talk, run_guarded
from keras_transfer.cli.train import arguments_class as train_arguments
from keras_transfer.cli.train import settings_of
from keras_transfer.config import make_config
from keras_transfer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class CheckArguments(Talk):
    """Write a contact sheet of examples and their augmented views: --augment POLICY."""

    out: str = "check.png"
    """The image to write."""
    overwrite: bool = False
    """Replace a file of that name."""
    rows: int = 6
    """How many examples, from one class after the other."""
    columns: int = 6
    """Views of each, the plain one first."""


def main(arguments=None):
    """Parse, read, write the sheet; returns the exit code."""

    def work(asked):
        from keras_transfer.report.contact_sheet import contact_sheet, write_sheet
        from keras_transfer.train import check

        page = Path(asked.out)
        _check_place(page, asked.overwrite)
        for name in ("rows", "columns"):
            if not 1 <= getattr(asked, name) <= 50:
                found = getattr(asked, name)
                raise UserError(f"--{name} is out of range", found, "Allowed: 1 to 50")
        config = make_config(**settings_of(asked, CheckArguments))
        check(config)
        pixels, names = contact_sheet(asked.data, config, asked.rows, asked.columns)
        write_sheet(pixels, page)
        found = {"sheet": str(page), "augment": config.augment, "examples": names}
        print(json.dumps(found, indent=2) if asked.json else f"{len(names)} examples: {page}")
        progress.say("the first of each row is the plain example")

    given = sys.argv[1:] if arguments is None else list(arguments)
    made = train_arguments(given, CheckArguments)
    return run_guarded(work, made, "keras-transfer check", arguments)


def _check_place(page, overwrite):
    """Refuse a place where something of the user's stands."""
    if page.is_dir() or not page.parent.is_dir():
        raise UserError(
            "--out is no place for an image", page, "Name a file, for example check.png"
        )
    if page.exists() and not overwrite:
        raise UserError("--out is taken", page, "Name another file, or add --overwrite")
