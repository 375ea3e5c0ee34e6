"""`exports/certificate.json`: what each exported file predicts, loses and takes, measured."""

import json
from pathlib import Path

from keras_transfer.environment import read_json, write_text

CERTIFICATE = "certificate.json"


def read_certificate(folder):
    """What `certificate.json` in a folder of exports holds; empty where there is none."""
    file = Path(folder) / CERTIFICATE
    return read_json(file, ["files"]) if file.exists() else {}


def record(folder, facts, entries=()):
    """Put facts and entries into `certificate.json`, read anew: another process may write, too.

    Entries of files that are gone go, and those that are None.
    """
    certificate = read_certificate(folder)
    files = {**certificate.pop("files", {}), **dict(entries)}
    there = {
        name: entry for name, entry in files.items() if entry and (folder / entry["path"]).exists()
    }
    text = json.dumps({**certificate, **facts, "files": there}, indent=2, allow_nan=False)
    write_text(folder / CERTIFICATE, text + "\n")
