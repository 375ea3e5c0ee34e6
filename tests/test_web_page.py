"""The page for browsers: what lies in its folder, and what it predicts in a real one."""

import json
import re
import shutil

import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.export import open_export, web
from keras_transfer.export.common.writing import check_formats
from keras_transfer.inputs.image.resizing import resize_pixels
from keras_transfer.run.folder import Run
from tests.support.commands import run_command
from tests.support.live_pages import npm_package, opened, served, wait_until
from tests.support.tiny import export_model, images, predictions, spec, tiny_model

KINDS = ("web", "web-float16", "web-int8")
LITERT, LITERT_VERSION = "@litertjs/core", "2.5.3"
AXE, AXE_VERSION = "axe-core", "4.14.1"


def ready(page):
    text = page.inner_text("#status")
    return text.startswith("Ready") or page.is_visible("#fault")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """(model, folder of a page that fetches MediaPipe)."""
    folder, model, pixels = tmp_path_factory.mktemp("page"), tiny_model(), images(20)
    proof = (pixels, predictions(model, pixels), lambda: images(9, seed=5))
    export_model(model, "web", folder, spec(resize="crop"), *proof)
    return model, folder / "web"


def test_the_folder_holds_all_but_the_library(page):
    model, folder = page
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["mediapipe"] == "ImageClassifier"
    assert settings["classes"] == list(spec().outputs)
    assert settings["resize"] == "crop"
    assert settings["shown_from"] is None
    origin = f"{web.CDN}/npm/{web.PACKAGE}@{web.VERSION}/"
    assert all(place.startswith(origin) for place in settings["library"].values())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page_text(folder))[1]
    assert f"connect-src 'self' {web.CDN};" in policy
    assert "{{" not in page_text(folder)
    golden = settings["golden"]
    assert len(golden) == web.GOLDEN
    assert {one["file"] for one in golden} == {file.name for file in (folder / "golden").iterdir()}
    sample = images(9, seed=5)
    assert golden[-1]["prediction"]["probabilities"] == pytest.approx(
        dict(zip(spec().outputs, predictions(model, sample)[-1], strict=True)), abs=1e-4
    )


def page_text(folder):
    return (folder / "index.html").read_text(encoding="utf-8")


def test_the_file_in_the_page_is_an_export(page):
    model, folder = page
    pixels = images(5)
    exported = open_export(folder)
    np.testing.assert_allclose(exported.runtime(pixels), predictions(model, pixels), atol=1e-5)


def test_without_training_examples_nothing_is_golden(tmp_path):
    model, pixels = tiny_model(), images(20)
    export_model(model, "web", tmp_path, spec(), pixels, predictions(model, pixels))
    assert json.loads((tmp_path / "web" / "settings.json").read_text())["golden"] == []


def test_numbers_have_no_page(tmp_path):
    model, pixels = tiny_model("regression"), images(20)
    about = spec("regression")
    with pytest.raises(UserError, match="no page for such a model"):
        export_model(model, "web", tmp_path, about, pixels, predictions(model, pixels))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "no package.json"),
        ({"package.json": "{}"}, "no vision_bundle.mjs"),
        ({"package.json": '{"version": "0.1"}', web.SCRIPT: "", web.WASM: ""}, "wants version"),
        ({"package.json": "{", web.SCRIPT: "", web.WASM: ""}, "package.json"),
    ],
)
def test_another_folder_than_the_package_is_refused(tmp_path, files, reason):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=reason):
        check_formats(["web"], library=tmp_path)


def test_a_library_that_nothing_needs_is_refused(finished):
    run, _ = finished
    command = ("export", "--model", run.folder, "--format", "tflite", "--vendor", "x")
    code, _, err = run_command(*command)
    assert code == 2
    assert "need no --vendor" in err
    assert "web-int8" in err


# --- in a browser


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return npm_package(tmp_path_factory.mktemp("npm"), web.PACKAGE, web.VERSION)


@pytest.fixture(scope="module")
def vendored(finished, package, tmp_path_factory):
    """(run, photos) with pages of each kind that need no network."""
    run, photos = finished
    folder = tmp_path_factory.mktemp("vendored") / "run"
    shutil.copytree(run.folder, folder)
    run = Run.open(folder)
    run.export(*KINDS, library=package)
    return run, photos


@pytest.mark.browser
@pytest.mark.parametrize("kind", KINDS)
def test_a_browser_predicts_as_predict_does(vendored, kind):
    run, photos = vendored
    files = sorted(photos.glob("val/*/*"))[:20]
    expected = {
        one["path"]: one for one in run.predictor.load(run.folder / "exports" / kind).predict(files)
    }
    with served(run.folder / "exports" / kind) as address, opened(address) as (page, elsewhere):
        wait_until(page, lambda: ready(page))
        assert "4 golden images are predicted" in page.inner_text("#status")
        for file in files:
            page.set_input_files("#file", str(file))
            wait_until(page, lambda file=file: page.inner_text("#status").startswith(file.name))
            found = {}
            for line in page.query_selector_all("#found li"):
                name, number = (part.inner_text() for part in line.query_selector_all("span"))
                found[name] = float(number.removesuffix(" %")) / 100
            wanted = expected[str(file)]
            assert page.inner_text("#status") == f"{file.name}: {wanted['predicted']}"
            assert found == pytest.approx(wanted["probabilities"], abs=0.01)
        assert elsewhere == []


@pytest.mark.browser
@pytest.mark.parametrize("how", ["squeeze", "crop", "pad"])
@pytest.mark.parametrize("shape", [(300, 411), (97, 41), (20, 33), (64, 64), (40, 90)])
def test_a_browser_resizes_as_training_does(tmp_path, how, shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    whole = np.concatenate([pixels, np.full((*shape, 1), 255, np.uint8)], axis=2)
    (tmp_path / "index.html").write_text("<!doctype html><title>Resizing</title>")
    shutil.copyfile(web.PAGE / "resize.js", tmp_path / "resize.js")
    script = f"""async (bytes) => {{
        const {{ resize }} = await import("./resize.js");
        const image = new ImageData(new Uint8ClampedArray(bytes), {shape[1]}, {shape[0]});
        return [...resize(image, [40, 64], "{how}").data];
    }}"""
    with served(tmp_path) as address, opened(address) as (page, _):
        found = page.evaluate(script, whole.ravel().tolist())
    found = np.array(found).reshape(40, 64, 4)
    wanted = resize_pixels(pixels, (40, 64), how).numpy()
    assert np.abs(found[..., :3] - wanted).max() <= 1  # sums of float32 in another order
    assert (found[..., :3] != wanted).mean() < 0.01
    assert (found[..., 3] == 255).all()


@pytest.mark.browser
def test_a_damaged_page_says_so(vendored, tmp_path):
    run, _ = vendored
    whole = run.folder / "exports" / "web"
    for name, damage in (
        ("model.tflite", lambda data: data[: len(data) // 2]),
        ("golden/1.png", lambda data: (whole / "golden" / "4.png").read_bytes()),
        ("settings.json", lambda data: data[:40]),
    ):
        folder = tmp_path / name.replace("/", "-")
        shutil.copytree(whole, folder)
        (folder / name).write_bytes(damage((folder / name).read_bytes()))
        with served(folder) as address, opened(address) as (page, _):
            wait_until(page, lambda page=page: ready(page))
            assert page.is_visible("#fault")
            assert "The model does not work here" in page.inner_text("#fault")
            assert page.is_disabled("#file")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"score": 0.89}, ""),
        ({"score": 0.5}, "a box is missing: a 0.900"),
        ({"label": "b"}, "a box is missing: a 0.900"),
        ({"box": [0.5, 0.1, 0.9, 0.5]}, "a box is missing"),
        (None, "a box is missing"),
    ],
)
def test_golden_boxes_have_to_be_where_they_were(tmp_path, change, reason):
    """What is hardly sure enough to be shown may be there in one prediction alone."""
    sure, unsure = {"label": "a", "score": 0.9, "box": [0.1, 0.1, 0.5, 0.5]}, {"label": "a"}
    unsure |= {"score": 0.301, "box": [0.6, 0.6, 0.9, 0.9]}
    found = [] if change is None else [{**sure, **change}]
    text = (web.PAGE / "model.js").read_text(encoding="utf-8")
    (tmp_path / "model.js").write_text(text.replace("function apart", "export function apart"))
    shutil.copyfile(web.PAGE / "resize.js", tmp_path / "resize.js")
    (tmp_path / "index.html").write_text("<!doctype html><title>Boxes</title>")
    script = """async ([wanted, found]) => (await import("./model.js")).apart(
        {boxes: wanted}, {boxes: found}, {tolerance: 0.02, shown_from: 0.3})"""
    with served(tmp_path) as address, opened(address) as (page, _):
        given = page.evaluate(script, [[sure, unsure], found])
    assert given.startswith(reason)
    assert bool(given) == bool(reason)


@pytest.mark.browser
def test_what_is_no_image_is_refused_in_a_line(vendored, tmp_path):
    run, _ = vendored
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    with served(run.folder / "exports" / "web") as address, opened(address) as (page, _):
        wait_until(page, lambda: ready(page))
        page.set_input_files("#file", str(text))
        wait_until(page, lambda: page.is_visible("#fault"))
        assert page.inner_text("#fault") == "text.jpg is no image that this browser can read"


@pytest.mark.browser
def test_nobody_is_kept_from_the_page(vendored, tmp_path):
    axe = npm_package(tmp_path, AXE, AXE_VERSION) / "axe.min.js"
    run, photos = vendored
    with served(run.folder / "exports" / "web") as address, opened(address) as (page, _):
        wait_until(page, lambda: ready(page))
        page.set_input_files("#file", str(next(photos.glob("val/*/*"))))
        wait_until(page, lambda: not page.inner_text("#status").startswith("Ready"))
        page.evaluate(axe.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run()")
    assert [one["id"] for one in found["violations"]] == []


@pytest.mark.browser
@pytest.mark.parametrize("kind", KINDS)
def test_litert_js_loads_the_file(vendored, tmp_path, kind):
    run, _ = vendored
    package = npm_package(tmp_path, LITERT, LITERT_VERSION)
    shutil.copytree(package / "wasm", tmp_path / "page" / "wasm")
    shutil.copyfile(package / "dist" / "index.js", tmp_path / "page" / "litert.js")
    shutil.copyfile(run.folder / "exports" / kind / "model.tflite", tmp_path / "page" / "m.tflite")
    utilities = package.parent / "wasm-utils" / "dist" / "index.js"
    shutil.copyfile(utilities, tmp_path / "page" / "utilities.js")
    known = json.dumps({"imports": {"@litertjs/wasm-utils": "./utilities.js"}})
    head = f'<!doctype html><title>LiteRT</title><script type="importmap">{known}</script>'
    (tmp_path / "page" / "index.html").write_text(head)
    side, numbers = 64, "Uint8Array" if kind == "web-int8" else "Float32Array"
    script = f"""async () => {{
        const {{ loadLiteRt, loadAndCompile, Tensor }} = await import("./litert.js");
        await loadLiteRt("./wasm/");
        const model = await loadAndCompile("m.tflite", {{ accelerator: "wasm" }});
        const pixels = new {numbers}({side * side * 3}).fill(90);
        const found = model.run(new Tensor(pixels, [1, {side}, {side}, 3]));
        const outputs = Array.isArray(found) ? found : Object.values(await found);
        return [...(await outputs[0].data())];
    }}"""
    with served(tmp_path / "page") as address, opened(address) as (page, _):
        found = page.evaluate(script)
    pixels = np.full((1, side, side, 3), 90, np.uint8)
    expected = open_export(run.folder / "exports" / "web").runtime(pixels)[0]
    assert found == pytest.approx(list(expected), abs=0.05)
