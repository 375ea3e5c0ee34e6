"""How evidence is shown: overlays, panels and titles, and the verb that writes them."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.cli import explain
from keras_transfer.explain import Explanation
from keras_transfer.explain.common.overlay import INFERNO, colours, overlay
from tests.support.tiny import image_spec


@pytest.mark.parametrize(("resize", "shape"), [("squeeze", (224, 448)), ("crop", (448, 448))])
def test_an_image_is_shown_in_the_shape_of_its_map(resize, shape):
    from keras_transfer.inputs import find_modality

    wide = np.zeros((50, 100, 3), np.uint8)
    wide[:, 50:] = 200
    shown = find_modality("image").show(wide, image_spec(resize=resize))
    assert shown.shape == (*shape, 3)
    assert shown[:, : shape[1] // 3].max() == 0
    assert shown[:, -shape[1] // 3 :].min() == 200


def test_a_panel_says_where_no_evidence_was_found():
    pixels, heat = np.full((64, 64, 3), 9, np.uint8), np.zeros((64, 64), np.float32)
    nothing = Explanation("a", "rise", "b", "b", 0.5, True, pixels, heat).draw()
    heat = np.ones((64, 64), np.float32)
    something = Explanation("a", "rise", "b", "b", 0.5, True, pixels, heat).draw()
    legends = [np.asarray(one)[-40:].astype(int) for one in (nothing, something)]
    assert [np.ptp(one, axis=2).max() > 50 for one in legends] == [False, True]  # the colours


def test_the_colours_grow_lighter_step_by_step():
    luma = colours(np.linspace(0, 1, 50)) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(luma) > 0).all()
    assert len(INFERNO) == 17


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000))
def test_an_overlay_is_grey_without_evidence_and_lighter_with_more(seed):
    rng = np.random.default_rng(seed)
    pixels = np.full((4, 6, 3), rng.integers(0, 200, 3), np.uint8)
    nothing = overlay(pixels, np.zeros((4, 6)))
    assert (np.ptp(nothing.astype(int), axis=2) == 0).all()
    heat = np.sort(rng.random(24)).reshape(4, 6)
    luma = overlay(pixels, heat) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(luma.ravel()) > -1.5).all()  # whole numbers
    with pytest.raises(ValueError, match="does not lie on pixels"):
        overlay(pixels, heat.T)


@pytest.mark.parametrize(
    ("value", "probability", "title"),
    [
        (0.97123, True, "bees  97.1 %"),
        (0.9999, True, "bees  over 99.9 %"),
        (0.0001, True, "bees  under 0.1 %"),
        (1234.5678, False, "bees  1235"),
        (None, False, "two bees"),
    ],
)
def test_titles(value, probability, title):
    one = Explanation("a.jpg", "rise", "two bees", "bees", value, probability)
    assert one.title == title


def test_a_panel_holds_names_of_any_length():
    pixels, heat = np.zeros((32, 448, 3), np.uint8), np.zeros((32, 448), np.float32)
    short, long = (
        Explanation("a", "grad_cam", n, pixels=pixels, map=heat).draw()
        for n in ("größer", "x" * 999)
    )
    assert short.size == long.size
    assert np.asarray(long)[:, -8:].min() == 255  # nothing runs over the edge
    assert np.asarray(short).min() < 100


def ask(capsys, *arguments):
    code = explain.main([*map(str, arguments), "--quiet"])
    return code, *capsys.readouterr()


def test_the_verb_writes_an_image_a_file_and_changes_none(finished, tmp_path, capsys):
    from PIL import Image

    run, photos = finished
    folders = [photos / "test" / kind for kind in ("red", "grey")]  # of the same names of files
    files = sorted(file for folder in folders for file in folder.iterdir())
    before = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    (tmp_path / "broken.jpg").write_bytes(b"nothing")
    broken, out = tmp_path / "broken.jpg", tmp_path / "out"
    code, shown, _ = ask(capsys, "--model", run.folder, *folders, broken, "--out", out, "--json")
    results = json.loads(shown)
    assert code == 0
    assert [result["path"] for result in results] == [
        str(f) for f in [*files[6:], *files[:6], broken]
    ]
    assert "error" in results[-1]
    written = {result["file"] for result in results[:-1]}
    assert written == {str(file) for file in out.iterdir()}
    assert len(written) == 12
    assert before == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    predicted = run.predict(*folders)
    assert [one["predicted"] for one in results[:-1]] == [one["predicted"] for one in predicted]
    first = next(iter(predicted[0]["probabilities"].items()))
    assert (results[0]["explained"], results[0]["value"]) == (
        first[0],
        pytest.approx(first[1], abs=1e-4),
    )
    with Image.open(results[0]["file"]) as image:
        assert image.size[0] > 2 * image.size[1] * 0.7
    code, shown, _ = ask(capsys, "--model", run.folder, folders[0], "--out", out)
    assert code == 0
    assert "written" in shown
    assert len(list(out.iterdir())) == 12  # those of the same names were replaced


def test_the_verb_never_replaces_a_file_that_is_not_its_own(finished, tmp_path, capsys):
    run, photos = finished
    file = tmp_path / "000.png"
    file.write_bytes((photos / "test" / "red" / "000.png").read_bytes())
    (tmp_path / "000_grad_cam.png").write_bytes(b"mine")
    code, shown, _ = ask(capsys, "--model", run.folder, file, "--out", tmp_path, "--json")
    assert code == 0
    assert json.loads(shown)[0]["file"] == str(tmp_path / "000_grad_cam_2.png")
    assert (tmp_path / "000_grad_cam.png").read_bytes() == b"mine"


def test_the_verb_fails_only_where_nothing_can_be_read(finished, tmp_path, capsys):
    run, _ = finished
    (tmp_path / "broken.jpg").write_bytes(b"nothing")
    code, shown, _ = ask(capsys, "--model", run.folder, tmp_path / "broken.jpg", "--out", tmp_path)
    assert code == 1
    assert "cannot be read" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no files named"),
        (["HERE", "--method", "grad-cam"], "Did you mean grad_cam"),
        (["nowhere.jpg"], "no images here"),
        (["HERE", "--model", "EXPORT"], "an exported file cannot be explained"),
        (["HERE", "--model", "nowhere"], "no model here"),
    ],
)
def test_mistakes_are_one_line(finished, arguments, message, tmp_path, capsys):
    run, photos = finished
    places = {"HERE": photos / "test", "EXPORT": run.folder / "exports" / "model.tflite"}
    arguments = [places.get(argument, argument) for argument in arguments]
    code, _, err = ask(capsys, "--model", run.folder, "--out", tmp_path / "out", *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("stem", ["x" * 240, "ü" * 120])
def test_long_names_become_files_too(finished, tmp_path, capsys, stem):
    run, photos = finished
    names = [tmp_path / f"{stem}{ending}" for ending in (".png", ".jpg")]
    for name in names:
        name.write_bytes(next(photos.rglob("*.png")).read_bytes())
    place = tmp_path / "out"
    paths = [str(name) for name in names]
    assert explain.main([*paths, "--model", str(run.folder), "--out", str(place), "--json"]) == 0
    files = [found["file"] for found in json.loads(capsys.readouterr().out)]
    assert len(set(files)) == 2
    assert sorted(files) == sorted(str(file) for file in place.iterdir())
