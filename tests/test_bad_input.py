"""What cannot work is one line and exit code 2; nothing is lost, nothing is left half written."""

import json
import resource
import signal
import subprocess
import sys
import time

import pytest

from keras_transfer.cli import train
from tests.support.commands import FAST, run_command


def test_weights_that_do_not_fit_are_refused_before_images_are_read(finished, tmp_path, capsys):
    run, photos = finished
    weights = ["--base", "mobilenet_v2_0.35", "--weights", run.folder]
    talking = [flag for flag in FAST if flag != "--quiet"]
    asked = ["--data", photos, "--out", tmp_path / "run", *weights]
    assert train.main([*talking, *map(str, asked)]) == 2
    err = capsys.readouterr().err
    assert "Reading images" not in err
    assert "do not fit" in err


def command(capsys, *arguments):
    """The command in this process; (exit code, stderr)."""
    capsys.readouterr()
    code = train.main([*FAST, *map(str, arguments)])
    return code, capsys.readouterr().err


def keep_two_each(folder):
    for kind in folder.iterdir():
        for path in sorted(kind.iterdir())[2:]:
            path.unlink()


def break_one_class(folder):
    for path in list((folder / "red").iterdir())[1:]:
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "flags", "message"),
    [
        (lambda f: [p.unlink() for p in f.rglob("*.png")], [], "no images|empty"),
        (lambda f: None, ["--base", "vgg61"], "unknown base.*Did you mean vgg"),
        (lambda f: None, ["--weights", "nowhere.h5"], "nowhere.h5"),
        (lambda f: None, ["--data", ""], "--data is empty"),
        (lambda f: None, ["--strategy", "fine_tuning", "--trainable", "block9"], "block7"),
        (lambda f: None, ["--strategy", "fine_tuning", "--trainable", "last:0"], "from 1"),
        (lambda f: None, ["--trainable", "all"], "keeps the whole base"),
        (lambda f: None, ["--at-specificity", "0.9"], "needs a classification of two classes"),
        (lambda f: None, ["--image-size", "8"], "--image-size is out of range"),
        (lambda f: None, ["--base", "xception"], "--image-size is too small for xception"),
        (keep_two_each, [], "can be held out.*three examples or more"),
        (
            lambda f: (f / "red" / "x.png").write_bytes(b""),
            ["--max-skipped", "0"],
            "1 of 25 examples cannot be read",
        ),
        (break_one_class, ["--max-skipped", "1"], "red"),
        (lambda f: (f / "metadata.csv").write_text("file,class\na,b\n"), [], "file_name.*label"),
        (lambda f: (f / "metadata.csv").write_text("path,label\n../a.png,b\n"), [], "leave"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_nothing_left(
    class_folder, tmp_path, capsys, spoil, flags, message
):
    import re

    photos = class_folder(8)
    spoil(photos)
    before = sorted(photos.rglob("*"))
    code, err = command(capsys, "--data", photos, "--out", tmp_path / "run", *flags)
    assert code == 2
    line = err.strip().splitlines()[-1]
    assert line.startswith("keras-transfer: ")
    assert re.search(message, line), line
    assert "Traceback" not in err
    assert not list(tmp_path.glob("run*"))
    assert sorted(photos.rglob("*")) == before


def test_a_missing_folder_and_a_flag_that_is_none(tmp_path, capsys):
    code, err = command(capsys, "--data", tmp_path / "nowhere", "--out", tmp_path / "run")
    assert code == 2
    assert "nowhere" in err
    with pytest.raises(SystemExit) as stopped:
        train.main(["--epohs", "3"])
    assert stopped.value.code == 2
    assert "--epochs" in capsys.readouterr().err


def test_an_existing_run_is_an_error(finished, class_folder, capsys):
    run, photos = finished
    code, err = command(capsys, "--data", photos, "--out", run.folder)
    assert code == 2
    assert "--overwrite" in err


def test_a_file_system_that_takes_no_more_is_one_line(class_folder, tmp_path):
    def only_small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))

    photos, out = class_folder(8), tmp_path / "out"
    out.mkdir()
    code, _, err = run_command(
        "train", "--data", photos, "--out", out / "run", *FAST, preexec_fn=only_small_files
    )
    assert code == 2, err
    assert "Traceback" not in err
    assert not (out / "run").exists()


def test_an_interrupted_run_stays_as_partial(class_folder, tmp_path):
    photos = class_folder(10)
    command = [
        sys.executable,
        "-m",
        "keras_transfer",
        "train",
        "--data",
        str(photos),
        "--out",
        str(tmp_path / "run"),
        "--strategy",
        "fine_tuning",
        "--epochs",
        "10000",
        "--patience",
        "10000",
        "--image-size",
        "64",
        "--no-export",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run.partial" / "log.txt"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (log.exists() and "Computing" in log.read_text()):
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert not (tmp_path / "run").exists()
    info = json.loads((tmp_path / "run.partial" / "run.json").read_text())
    assert info["state"] == "failed"
