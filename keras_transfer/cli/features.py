"""`keras-transfer features`: what is stored of frozen bases; list, check or clear it."""

import json
import shutil
import sqlite3
import time
from dataclasses import dataclass
from typing import Literal

import tyro

from keras_transfer.cli.command import BELOW_BAR, DONE, Talk, run_guarded
from keras_transfer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class FeaturesArguments(Talk):
    """List, check or clear stored features: what frozen bases computed of examples."""

    action: tyro.conf.Positional[Literal["list", "verify", "clear"]] = "list"
    """list them; verify every byte (what is damaged is forgotten, and computed again when it is
    asked for); clear them all."""


def main(arguments=None):
    """Parse, act, print; the exit code: 1 where something was damaged."""

    def work(asked):
        from keras_transfer.features.cache import open_disk

        if asked.action == "clear":
            return _clear(asked.json)
        try:
            store = open_disk()
            return (
                _list(store, asked.json) if asked.action == "list" else _verify(store, asked.json)
            )
        except sqlite3.OperationalError as error:
            advice = "Another process uses it; try again"
            raise UserError("the index of stored features is not free", error, advice) from error
        except sqlite3.DatabaseError as error:
            advice = "keras-transfer features clear makes it new"
            raise UserError("the index of stored features is broken", error, advice) from error

    return run_guarded(work, FeaturesArguments, "keras-transfer features", arguments)


def _list(store, as_json):
    # measuring runtimes opens tables that nothing may ever be written to
    found = [table for table in store.tables() if table["bytes"]]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if not found:
        print(f"no features are stored in {store.folder}")
        return
    print(_table(found))
    total = sum(table["bytes"] for table in found)
    print(f"\n{total / 2**30:.2f} of at most {store.limit / 2**30:.0f} GiB in {store.folder}")


def _table(found):
    from rich.table import Table

    from keras_transfer.report.render import render

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("base", "cut", "size", "view", "runtime", "examples", "MiB", "last used"):
        shown.add_column(column, justify="right" if column in ("examples", "MiB") else "left")
    for table in reversed(found):
        description = table["description"]
        view = f"view no. {description['view'][-1]}" if description["view"] else "plain"
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(table["used"]))
        shapes = [" x ".join(map(str, shape)) for _, shape, _ in description["inputs"][1:]]
        size, runtime = ", ".join(shapes), description["runtime"].split()[0]
        numbers = (str(table["rows"]), f"{table['bytes'] / 2**20:.1f}")
        shown.add_row(description["base"], description["cut"], size, view, runtime, *numbers, used)
    return render(shown)


def _verify(store, as_json):
    found = store.verify()
    rows = sum(rows for rows, _ in found.values())
    damaged = sum(damaged for _, damaged in found.values())
    if as_json:
        print(json.dumps({"features": rows, "damaged": damaged}))
    else:
        print(f"{rows} features checked, {damaged} damaged")
    return BELOW_BAR if damaged else DONE


def _clear(as_json):
    """Delete the whole folder, so that a broken index goes too."""
    from keras_transfer.features.cache import features_folder

    files = [file for file in features_folder().rglob("*") if file.is_file()]
    freed = sum(file.stat().st_size for file in files)
    if files:
        shutil.rmtree(features_folder())
    print(json.dumps({"bytes": freed}) if as_json else f"{freed / 2**30:.2f} GiB freed")
