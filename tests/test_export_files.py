"""Nothing half-written stays, and nothing that was there is lost."""

import os
import subprocess
import sys

import pytest

from keras_transfer import environment
from keras_transfer.errors import UserError
from keras_transfer.export import tflite
from tests.support.plain_formats import plain_formats
from tests.support.tiny import (
    check_export,
    export_model,
    images,
    predictions,
    spec,
    tiny_model,
)


@pytest.mark.parametrize("format_name", list(plain_formats()))
def test_an_export_replaces_the_one_before(format_name, tmp_path):
    pixels = images(4)
    for seed in (0, 1):
        model = tiny_model(seed=seed)
        expected = predictions(model, pixels)
        proof = pixels, expected, lambda: images(20, seed=5)
        report = export_model(model, format_name, tmp_path, spec(), *proof)
    assert check_export(report["path"], pixels, expected) == report["difference"]
    assert len(os.listdir(tmp_path)) == 2


def test_a_failed_conversion_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "model.tflite").write_text("the old one")

    def fail(traced, weights, settings=None):
        raise UserError("TFLite has no such operation", "Betainc")

    monkeypatch.setattr(tflite, "convert_traced", fail)
    model, pixels = tiny_model(), images(2)
    with pytest.raises(UserError, match="Betainc"):
        export_model(model, "tflite", tmp_path, spec(), pixels, None)
    assert os.listdir(tmp_path) == ["model.tflite"]
    assert (tmp_path / "model.tflite").read_text() == "the old one"


@pytest.mark.parametrize("folder", [False, True])
def test_a_rename_that_fails_puts_the_old_one_back(folder, tmp_path, monkeypatch):
    target = tmp_path / "target"
    old = target / "old.txt" if folder else target
    old.parent.mkdir(exist_ok=True)
    old.write_text("the old one")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(environment.os, "replace", full)
    with (
        pytest.raises(UserError, match="No space left on device"),
        environment.atomic_write(target) as f,
    ):
        f.mkdir()
    assert old.read_text() == "the old one"
    assert os.listdir(tmp_path) == ["target"]


def test_a_place_that_takes_no_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot be written"):
        export_model(tiny_model(), "tflite", tmp_path / "file", spec(), images(2), None)


FULL_DISK = """
import os, resource, sys
sys.path[:0] = sys.argv[2:4]
from tests.support.plain_formats import plain_formats
from tests.support.tiny import export_model, images, predictions, spec, tiny_model
from keras_transfer.errors import UserError
from keras_transfer.export import TOLERANCE, open_export
model, pixels = tiny_model(), images(2)
expected = predictions(model, pixels)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))  # a file of 501 bytes cannot be written
for name in plain_formats():
    try:
        export_model(model, name, sys.argv[1], spec(), pixels, expected, lambda: pixels)
    except UserError as error:
        print(name, error)
print(os.listdir(sys.argv[1]))
"""


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    pytest.importorskip("resource")
    tests = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), os.path.dirname(tests), tests],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    count = len(plain_formats())
    assert [line.split()[0] for line in lines[:count]] == list(plain_formats())
    assert all("cannot be written" in line for line in lines[:count])
    assert lines[count:] == ["[]"]
