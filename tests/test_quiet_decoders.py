"""What decoders write about damaged files stays off the screen; what others write stays on it."""

import subprocess
import sys

import pytest

from tests.support.odd_images import damaged_tiffs, png_bytes, quarters

PLAIN_PILLOW = """
import sys
from pathlib import Path
from PIL import Image

for file in sorted(Path(sys.argv[1]).rglob("*.tif")):
    try:
        Image.open(file).load()
    except Exception:
        pass
"""
READ = """
import os, sys, threading
from keras_transfer import progress
from keras_transfer.data.examples import read_examples
from keras_transfer.data.sources.specs import read_source
from tests.support.tiny import image_spec

reading, lines = threading.Event(), 0

def write():
    global lines
    while not reading.wait(0.001):
        os.write(2, b"another thread\\n")
        lines += 1

def read_and_write(read_so):  # from the bar on, when TensorFlow is loaded
    thread = threading.Thread(target=write)
    bar = progress.bar
    def begun(*asked):
        thread.start()
        return bar(*asked)
    progress.bar = begun
    try:
        return read_examples(*read_so)
    finally:
        reading.set()
        thread.join()

examples = read_and_write((read_source(sys.argv[1]), image_spec(32)))
progress.warn("ours")
print(lines, len(examples), len(examples.skipped))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("damaged")
    for name in "ab":
        (root / name).mkdir()
        for number in range(10):
            (root / name / f"{number}.png").write_bytes(png_bytes(quarters()))
        for what, data in damaged_tiffs().items():
            for number in range(5):
                (root / name / f"{what} {number}.tif").write_bytes(data)
    return root


def run_python(code, folder):
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr.splitlines()


def test_plain_pillow_writes_about_these_files(folder):
    _, lines = run_python(PLAIN_PILLOW, folder)
    for words in ("code not yet in table", "strip", "Incorrect count", "More samples per pixel"):
        assert any(words in line for line in lines), words


def test_a_folder_of_damaged_tiffs_is_read_in_silence_and_nothing_else_is_lost(folder):
    out, lines = run_python(READ, folder)
    written, good, skipped = map(int, out.split())
    assert good + skipped == 2 * (10 + 5 * len(damaged_tiffs()))
    assert good >= 20
    assert skipped >= 40
    assert written > 0
    assert lines.count("another thread") == written
    progress, ours = [line for line in lines if line != "another thread"]
    assert progress.startswith(f"Reading examples: {good + skipped}/{good + skipped} in ")
    assert ours == "warning: ours"
