"""The page for browsers, of a detector and a segmentation: the boxes and masks of `predict`."""

import numpy as np
import pytest

import keras_transfer as kt
from keras_transfer.export import web
from tests.support.dense import QUICK, plant_masks, plant_squares
from tests.support.live_pages import npm_package, opened, served, wait_until

COUNTS = {"train": 24, "val": 4, "test": 8}
PLANT = {"detection": (plant_squares, 60), "segmentation": (plant_masks, 10)}  # and epochs
PREDICT = """async (names) => {
    const { open } = await import("./model.js");
    const model = await open();
    const found = [];
    for (const name of names) {
        const blob = await (await fetch(name)).blob();
        const one = await model.predict(blob);
        found.push({ ...one, mask: one.mask ? [...one.mask] : null });
    }
    return found;
}"""


@pytest.mark.browser
@pytest.mark.parametrize("task", PLANT)
def test_a_browser_finds_what_predict_finds(tmp_path, task):
    package = npm_package(tmp_path, web.PACKAGE, web.VERSION)
    plant, epochs = PLANT[task]
    data = plant(tmp_path / "data", COUNTS)
    run = kt.transfer(data, out=tmp_path / "run", epochs=epochs, **QUICK)
    run.export("web", library=package, max_drop=1.0)
    folder = run.folder / "exports" / "web"
    files = sorted(data.rglob("test*.png"))[: COUNTS["test"]]
    for file in files:
        (folder / file.name).write_bytes(file.read_bytes())
    with served(folder) as address, opened(address) as (page, elsewhere):
        wait_until(page, lambda: page.inner_text("#status").startswith("Ready"))
        found = page.evaluate(PREDICT, [file.name for file in files])
        page.set_input_files("#file", str(files[0]))
        wait_until(page, lambda: page.inner_text("#status").startswith(files[0].name))
        assert page.query_selector_all("#found li")
    assert elsewhere == []
    wanted = run.predictor.load(folder).predict(files)
    assert sum(len(one.get("boxes", one.get("shares"))) for one in wanted) > len(files)
    check = boxes_are_alike if task == "detection" else shares_are_alike
    assert all(check(*pair) for pair in zip(found, wanted, strict=True))


def boxes_are_alike(found, wanted):
    """All but those that are hardly sure enough to be shown."""
    sure = [one for one in wanted["boxes"] if one["score"] > 0.2]
    assert abs(len(wanted["boxes"]) - len(found["boxes"])) <= 1
    return all(any(is_same(one, other) for other in found["boxes"]) for one in sure)


def is_same(wanted, found, side=64):
    apart = np.abs(np.array(wanted["box"]) - np.array(found["box"]) * side).max()
    return (
        wanted["label"] == found["label"]
        and abs(wanted["score"] - found["score"]) < 0.02
        and apart < 2.5  # MediaPipe cuts corners and sides to whole pixels
    )


def shares_are_alike(found, wanted):
    assert len(found["mask"]) == 64 * 64
    assert sum(found["shares"].values()) == pytest.approx(1, abs=0.02)
    return found["shares"] == pytest.approx(wanted["shares"], abs=0.005)
