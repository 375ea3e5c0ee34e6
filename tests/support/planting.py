"""Folders and tables of small images, and what reading them says."""

import pytest

from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from tests.support.odd_images import png_bytes, quarters

COLUMNS = ["path", "label", "split", "group", "class_group", "shown"]


def plant(root, *names):
    """Small images at these paths below `root`, each with its folders."""
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png_bytes(quarters(6, 4)))
    return root


def write_table(root, text, name="metadata.csv", encoding="utf-8"):
    (root / name).write_bytes(text.encode(encoding))
    return root / name


def labels(source):
    return dict(zip(source.table["shown"], source.table["label"], strict=True))


def refusal(spec, task="auto"):
    with pytest.raises(UserError) as refused:
        read_source(spec, task)
    assert "\n" not in str(refused.value)
    return str(refused.value)
