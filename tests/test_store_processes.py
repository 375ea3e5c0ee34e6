"""Stored rows are sound after kills, and after several processes at once."""

import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from keras_transfer.features.disk import DiskStore

ROOT = Path(__file__).resolve().parent.parent


FILL = textwrap.dedent(
    """
    import sys, time
    import numpy as np
    from keras_transfer.features.disk import DiskStore
    table = DiskStore(sys.argv[1]).open({"what": "numbers"}, (50,), "float32")
    from keras_transfer.features import writer
    writer.FLUSH_SECONDS = 0.02
    print("begun", flush=True)
    have = table.listed()
    with table.appending() as append:
        for number in range(400):
            digest = number.to_bytes(4, "big")
            if digest not in have:
                append([digest], np.full((1, 50), number))
                time.sleep(0.001)
    """
)


def fill(place):
    command = [sys.executable, "-c", FILL, str(place)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def check_filled(place):
    table = DiskStore(place).open({"what": "numbers"}, (50,), "float32")
    listed = table.listed()
    assert len(listed) == 400
    assert not table.damaged(list(listed))
    for digest, (file, row, _) in listed.items():
        assert (table.map(file, row + 1)[row] == int.from_bytes(digest, "big")).all()


def test_killed_at_random_moments_it_ends_with_the_same_bytes(tmp_path):
    moments = random.Random(0)
    for _ in range(8):
        process = fill(tmp_path)
        process.stdout.readline()
        time.sleep(moments.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    process = fill(tmp_path)
    process.communicate()
    assert process.returncode == 0
    check_filled(tmp_path)


def test_two_at_once_into_one_store(tmp_path):
    processes = [fill(tmp_path) for _ in range(3)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0, 0]
    check_filled(tmp_path)
