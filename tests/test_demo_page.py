"""The demo page: what it shows of a file, and the page itself in a browser."""

import re
import socket
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from keras_transfer import demo_page
from keras_transfer.demo_page.looking import UNLIKE, UNSURE, Looking
from keras_transfer.errors import UserError
from keras_transfer.run.predictor import Predictor
from tests.support.commands import run_command
from tests.support.live_pages import npm_package, opened, wait_until

needs_gradio = pytest.mark.skipif(find_spec("gradio") is None, reason="needs gradio")


@pytest.fixture(scope="module")
def photo(finished):
    return next(finished[1].glob("test/*/*"))


def test_a_file_is_shown_with_its_evidence(finished, photo):
    run, _ = finished
    shown = Looking(run.predictor)(photo)
    expected = run.predict(photo)[0]
    assert shown.predicted == expected["predicted"]
    assert sum(shown.numbers.values()) == pytest.approx(1, abs=1e-4)
    assert next(iter(shown.numbers)) == expected["predicted"]
    assert shown.pixels.shape[0] == shown.pixels.shape[1]
    assert shown.overlay.shape == shown.pixels.shape
    assert (shown.overlay != shown.pixels).any()


def test_what_is_doubtful_is_remarked(finished, tmp_path):
    run, _ = finished
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    expected = run.predict(tmp_path / "noise.png")[0]
    remarks = Looking(run.predictor)(tmp_path / "noise.png").remarks
    assert (UNSURE in remarks) == expected["unsure"]
    assert (UNLIKE in remarks) == expected["unlike_training"]
    assert remarks


def test_an_export_is_shown_without_evidence(finished, photo):
    run, _ = finished
    shown = Looking(Predictor.load(run.folder / "exports" / "model.tflite"))(photo)
    assert shown.overlay is None
    assert shown.pixels is not None


def test_what_is_no_image_is_a_line(finished, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    shown = Looking(finished[0].predictor)(tmp_path / "text.jpg")
    assert shown.error.startswith("not an image")
    assert shown.pixels is None


def test_examples_are_of_test_and_of_each_class(finished):
    run, photos = finished
    files = demo_page.example_files(run, run.predictor.spec.inputs, most=4)
    assert all(file.startswith(str(photos / "test")) for file in files)
    assert len({file.split("/")[-2] for file in files}) == len(run.classes)


def test_names_are_not_markup():
    assert demo_page._plain("<b>*a*</b>") == "&#60;b&#62;&#42;a&#42;&#60;/b&#62;"


def test_a_taken_port_is_refused_and_passed_over(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot be served there.*{port}"):
            demo_page._free_port("127.0.0.1", port)
        monkeypatch.setattr(demo_page, "FIRST_PORT", port)
        assert demo_page._free_port("127.0.0.1", None) > port
    with pytest.raises(UserError, match="cannot be served there"):
        demo_page._free_port("192.0.2.1", None)  # of nobody (RFC 5737)


@pytest.mark.skipif(find_spec("gradio") is not None, reason="gradio is there")
def test_without_the_extra_it_is_named(finished):
    code, _, err = run_command("demo", "--model", finished[0].folder)
    assert code == 2
    assert "pip install 'keras_transfer[demo]'" in err


@needs_gradio
@pytest.mark.browser
def test_the_page(finished, photo, tmp_path):
    run, _ = finished
    axe = npm_package(tmp_path, "axe-core", "4.14.1") / "axe.min.js"
    (tmp_path / "text.jpg").write_text("no image")
    Image.new("L", (30000, 30000)).save(tmp_path / "huge.png")
    command = [sys.executable, "-m", "keras_transfer", "demo", "--model", str(run.folder)]
    pipes = {"stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as server:
        try:
            address = server.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address)
            with opened(address) as (page, elsewhere):
                look_at(page, photo, run, tmp_path)
                page.evaluate(axe.read_text(encoding="utf-8"))
                found = page.evaluate("axe.run()")["violations"]
            assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
            assert elsewhere == []
        finally:
            server.terminate()


def look_at(page, photo, run, folder):
    """Drop what is no image, what is too large, and an image."""
    for file, text in (
        (folder / "text.jpg", "text.jpg cannot be used: not an image"),
        (folder / "huge.png", "huge.png cannot be used: 30000 x 30000 is over"),
        (photo, "What the prediction rests on"),
    ):
        page.wait_for_selector("input[type=file]", state="attached")
        page.set_input_files("input[type=file] >> nth=0", str(file))
        wait_until(page, lambda text=text: text in page.inner_text("body"))
    assert run.predict(photo)[0]["predicted"] in page.inner_text("body")
