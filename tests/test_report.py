"""report.html: one file that shows a run as it is, whatever its task, its names and its data."""

import json
import re
import shutil
from configparser import ConfigParser
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keras_transfer import transfer
from keras_transfer.backend import load_keras
from keras_transfer.cli.report import main
from keras_transfer.errors import UserError
from keras_transfer.explain import quick_maps
from keras_transfer.inputs import Modality
from keras_transfer.report.examples import BUDGET, Gallery
from keras_transfer.report.html import render, write_report
from keras_transfer.run.folder import Run
from keras_transfer.tasks import find_task
from tests.support.browser import look_at
from tests.support.drawing import KINDS, plant_classes

EVIL = "<script>alert('&')</script>"
SECTIONS = ["scores", "figures", "examples", "learning", "data", "repeat"]
MOST_BYTES = 3_000_000
ROOT = Path(__file__).resolve().parent.parent


def small_base():
    keras = load_keras()
    keras.utils.set_random_seed(0)
    layers = keras.layers
    pixels = keras.Input((32, 32, 3), name="pixels")
    x = layers.Conv2D(16, 3, strides=2, activation="relu", name="wide")(pixels)
    return keras.Model(pixels, layers.Rescaling(1 / 255)(x), name="small")


def plant_table(place, label_of, kinds=KINDS):
    """Images with a metadata.csv; `label_of`: kind, number -> label. Every third is val."""
    folder = plant_classes(place, {"pool": 18}, kinds=kinds)
    lines = ["file_name,label,split"]
    for kind in kinds:
        for number in range(18):
            label = str(label_of(kind, number)).replace('"', '""')
            split = "val" if number % 3 == 0 else "train"
            lines.append(f'pool/{kind}/{number:03d}.png,"{label}",{split}')
    (folder / "metadata.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished run of each kind of task, without exports."""
    place = tmp_path_factory.mktemp("reports")
    names = {"red": EVIL, "grey": "NA", "stripes": "stripes"}
    both = {"red": "red|warm", "grey": "", "stripes": "stripes"}
    sets = {
        "names": plant_table(place / "a", lambda kind, _: names[kind]),
        "two": plant_table(place / "b", lambda kind, _: kind, KINDS[1:]),
        "labels": plant_table(place / "c", lambda kind, _: both[kind]),
        "numbers": plant_table(place / "d", lambda kind, n: 10.5 * KINDS.index(kind) + n / 9),
    }
    (sets["two"] / "pool" / "red" / "004.png").write_bytes(b"no image")
    settings = {"export": False, "quiet": True, "max_skipped": 0.2}
    return {
        name: transfer(folder, base=small_base(), out=place / name, **settings)
        for name, folder in sets.items()
    }


@pytest.fixture
def copied(runs, tmp_path):
    """A copy of a run and of its data, to be spoilt."""

    def copy(name):
        run = runs[name]
        data = shutil.copytree(run.config.data, tmp_path / "data")
        folder = shutil.copytree(run.folder, tmp_path / "run")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "data": str(data)}))
        return Run.open(folder), data

    return copy


class Page(HTMLParser):
    """What a reader finds: ids, tags, the texts of tables, all text."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.tags, self.tables, self.text, self.inside = [], [], [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.inside = True
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        self.text += data
        if self.inside:
            self.tables[-1][-1][-1] += data


def page_of(run):
    return Page((run.folder / "report.html").read_text(encoding="utf-8"))


KIND = pytest.mark.parametrize("kind", ["names", "two", "labels", "numbers"])


@KIND
def test_every_section_is_there_once(runs, kind):
    page = page_of(runs[kind])
    assert [name for name in page.ids if name in SECTIONS] == SECTIONS
    assert "What to do next" in page.text
    assert sum(tag == "svg" for tag, _ in page.tags) >= 3
    assert sum(tag == "img" for tag, _ in page.tags) >= 12


@KIND
def test_it_needs_nothing_beside_it(runs, kind):
    text = (runs[kind].folder / "report.html").read_text(encoding="utf-8")
    assert len(text) < MOST_BYTES
    assert "http" not in text
    assert "url(" not in text.replace("url(#", "")
    for tag, attributes in Page(text).tags:
        assert tag not in ("script", "iframe", "object")
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("data:", "#"))
        assert not [name for name in attributes if name.startswith("on")]


@KIND
def test_the_numbers_are_those_of_the_run(runs, kind):
    run = runs[kind]
    (head, *rows), parts = page_of(run).tables[:2]
    assert head == ["", *run.metrics["splits"]]
    columns = zip(*[row[1:] for row in rows], strict=True)
    for column, scores in zip(columns, run.metrics["splits"].values(), strict=True):
        assert column[:2] == (str(scores["n"]), "no")
        for row, cell in zip(rows[2:], column[2:], strict=True):
            score = scores[row[0].lower().replace(" ", "_")]
            low, high = (f"{score[end]:.3f}" for end in ("low", "high"))
            assert cell == f"{score['value']:.3f}{low} to {high}"
    assert rows[2][0].lower().replace(" ", "_") == find_task(run.metrics["task"]).headline
    classes = list(run.metrics["splits"].values())[-1].get("per_class", {})
    for row, (name, values) in zip(parts[1:], classes.items(), strict=bool(classes)):
        assert row[0] == name
        assert row[1] == str(values["n"])


@KIND
def test_the_same_run_gives_the_same_bytes_as_train_wrote(runs, kind):
    run = runs[kind]
    written = (run.folder / "report.html").read_text(encoding="utf-8")
    assert render(run, explain=quick_maps(run.model)) == written
    assert run.metrics["seconds"]["report"] > 0
    assert run.info["seconds"] == run.metrics["seconds"]


def test_names_are_shown_as_they_are_and_never_run(runs):
    text = (runs["names"].folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    page = Page(text)
    counts = next(table for table in page.tables if table[0] == ["", "train", "val"])
    assert [EVIL, "12", "6"] in counts
    assert ["NA", "12", "6"] in counts


def test_skipped_examples_are_named_with_their_reason(runs):
    page = page_of(runs["two"])
    assert ["reason", "examples", "which"] in [table[0] for table in page.tables]
    (row,) = next(table for table in page.tables if table[0][0] == "reason")[1:]
    assert row[1:] == ["1", "pool/red/004.png"]
    assert "1 example that could not be read" in page.text
    assert "Every example could be read" not in page.text
    assert "Every example could be read" in page_of(runs["names"]).text


def test_where_the_data_is_gone_it_says_so_in_one_line(copied):
    run, data = copied("names")
    shutil.rmtree(data)
    page = Page(render(run))
    assert page.text.count("The examples cannot be shown") == 1
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert "Least certain" in page.text


def test_examples_that_have_moved_are_shown_from_where_they_are(copied, tmp_path, capsys):
    run, data = copied("names")
    moved = data.rename(tmp_path / "moved")
    (run.folder / "report.html").unlink()
    assert main(["--model", str(run.folder), "--data", str(moved), "--json"]) == 0
    written = json.loads(capsys.readouterr().out)["report"]
    assert written == str(run.folder / "report.html")
    assert len([tag for tag, _ in page_of(run).tags if tag == "img"]) >= 12


def test_a_file_that_has_changed_since_is_not_shown(copied):
    run, data = copied("names")
    before = render(run).count("<img")
    shutil.copy(data / "pool" / "red" / "000.png", data / "pool" / "grey" / "000.png")
    after = render(run).count("<img")
    assert 0 < after < before


def test_maps_are_shown_over_what_the_model_saw(runs):
    seen = []

    def explain(pixels):
        seen.append(pixels)
        heat = np.zeros(pixels.shape[:3], np.float32)
        heat[:, :16] = 1
        return heat

    run = runs["names"]
    text = render(run, explain=explain)
    assert {(p.dtype.name, p.shape[1:]) for p in seen} == {("uint8", (32, 32, 3))}
    assert text.count('alt="what the prediction rests on') == sum(len(p) for p in seen)


def test_thumbnails_stop_where_a_report_would_become_too_large():
    class Huge(Modality):
        def thumbnail(self, reference, side, text):
            return "x" * 300_000

    names = [str(number) for number in range(40)]
    gallery = Gallery(Huge(), None, dict.fromkeys(names, np.zeros(1)), {})
    shown = gallery.of_classes({f"class {name}": [name] for name in names[:20]})
    images = [one.image for examples in shown.values() for one in examples]
    assert 2 < len([image for image in images if image]) < 10
    assert sum(len(image) for image in images if image) <= BUDGET < MOST_BYTES
    assert gallery.of_classes({f"class {name}": [name] for name in names}) == {}


def test_a_run_that_was_never_calibrated_has_no_such_section(copied):
    run, _ = copied("two")
    (run.folder / "reliability.json").unlink(missing_ok=True)
    assert "doubt" not in Page(render(run)).ids
    share = {"value": 0.4, "low": 0.3, "high": 0.5}
    facts = {
        "schema": 1,
        "split": "train",
        "examples": 24,
        "out_of_fold": True,
        "temperature": 1.5,
        "unsure": {
            "error_rate": 0.02,
            "threshold": 0.83,
            "error": {"value": 0.02, "low": 0.0, "high": 0.1},
            "coverage": share,
            "useful": False,
        },
        "thresholds": {"at_specificity": {"wanted": 0.95, "threshold": 0.25}},
        "unlike_training": {"threshold": 3.0, "percentile": 95},
    }
    (run.folder / "reliability.json").write_text(json.dumps(facts))
    page = Page(render(run))
    assert "doubt" in page.ids
    assert "under 0.83 is called unsure" in page.text
    assert "Chosen thresholds: at specificity 0.25." in page.text
    assert "on only 40 % of the examples" in page.text
    rows = [row for table in page.tables for row in table]
    assert ["train (chosen on)", "40.0%30.0% to 50.0%", "2.0%0.0% to 10.0%"] in rows
    assert "about 2 % of the others are wrong, or fewer. That leaves too few" in page.text
    bare = {**facts, "temperature": None, "unsure": None, "thresholds": {}, "unlike_training": None}
    (run.folder / "reliability.json").write_text(json.dumps(bare))
    assert "chosen on 24 examples of train" in Page(render(run)).text


def test_decisions_by_a_threshold_have_a_table(copied):
    run, _ = copied("two")
    metrics = run.metrics
    share = {"value": 0.91, "low": 0.8, "high": 0.96}
    decisions = {"wanted": 0.95, "threshold": 0.3, "sensitivity": share, "confusion": [[1, 0]]}
    metrics["splits"]["val"]["at_specificity"] = decisions
    (run.folder / "metrics.json").write_text(json.dumps(metrics))
    page = Page(render(run))
    assert "At specificity in val" in page.text
    assert [["wanted", "0.950"], ["threshold", "0.3"]] in [table[1:3] for table in page.tables]
    assert ["sensitivity", "0.9100.800 to 0.960"] in [row for t in page.tables for row in t]


def test_exports_and_the_command_are_shown(finished):
    run, photos = finished
    page = page_of(run)
    assert "exports" in page.ids
    files = next(table for table in page.tables if table[0][0] == "file")
    assert [row[0] for row in files[1:]] == ["saved_model", "model.tflite"]
    assert f"keras-transfer train --data {photos} --image-size 64" in page.text


def test_a_run_without_a_report_on_request(runs, tmp_path):
    data = runs["two"].config.data
    settings = {"export": False, "quiet": True, "max_skipped": 0.2, "report": False}
    run = transfer(data, base=small_base(), out=tmp_path / "run", **settings)
    assert not (run.folder / "report.html").exists()
    assert write_report(run).exists()


def test_arrays_are_shown_by_train_and_asked_for_later(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (24, 20, 30, 3), dtype=np.uint8)
    labels = np.arange(24) % 2
    pixels[labels == 1, :10] = 0
    settings = {"export": False, "quiet": True, "base": small_base()}
    run = transfer((pixels, labels), out=tmp_path / "run", **settings)
    assert sum(tag == "img" for tag, _ in page_of(run).tags) >= 8
    assert "Name them with --data" in Page(render(run)).text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model", "{empty}"], "no run here"),
        (["--model", "{run}", "--out", "{empty}"], "needs the name of a file"),
        (["--model", "{run}", "--out", ""], "--out is empty"),
        (["--model", "{run}", "--out", "{run}/run.json/x.html"], "cannot be written"),
        (["--model", "{run}", "--data", "{empty}/nowhere"], "no such data"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(runs, tmp_path, capsys, flags, message):
    (tmp_path / "empty").mkdir()
    places = {"run": str(runs["two"].folder), "empty": str(tmp_path / "empty")}
    before = (runs["two"].folder / "report.html").read_bytes()
    assert main([flag.format(**places) for flag in flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert (tmp_path / "empty").is_dir()
    assert (runs["two"].folder / "report.html").read_bytes() == before


def test_a_report_replaces_its_like_and_nothing_else(copied, tmp_path, capsys):
    run, data = copied("two")
    image = next(data.rglob("*.png"))
    for file in (image, run.folder / "model.keras"):
        before = file.read_bytes()
        assert main(["--model", str(run.folder), "--out", str(file)]) == 2
        assert "--out is taken by something else" in capsys.readouterr().err
        assert file.read_bytes() == before
    for _ in range(2):
        assert main(["--model", str(run.folder), "--out", str(tmp_path / "mine.html")]) == 0
    (run.folder / "report.html").write_text("an older page")  # its name is the run's own
    assert main(["--model", str(run.folder)]) == 0


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("metrics.json", None, "metrics.json is gone"),
        ("metrics.json", b'{"splits": {', "metrics.json is damaged"),
        ("metrics.json", b'{"splits": {}, "examples": {}, "seconds": {}}', "no accuracy"),
        ("config.json", b"\xff\xfe", "config.json is damaged"),
        ("config.json", b"[]", "config.json is damaged"),
        ("reliability.json", b"", "reliability.json is damaged"),
        ("predictions.csv", None, "is gone"),
        ("predictions.csv", b"", "is damaged"),
        ("predictions.csv", b"path,split,label\n", "lacks a column"),
        ("predictions.csv", b"path,split,label,predicted\n", "lacks a column"),
        (
            "predictions.csv",
            b"path,split,label,predicted,p_red,p_stripes\n",
            "0 examples of val, 12",
        ),
        ("history.csv", b"x,y\n1,2\n", "lacks a column"),
        ("history.csv", None, "is gone"),
        ("splits.csv", None, "is gone"),
        ("splits.csv", b"path,label,split,sha256\n", "0 examples, 35 in metrics.json"),
        ("splits.csv", b"path,split,sha256\n" + 35 * b"a.png,tes,\n", "split 'tes'"),
        ("skipped.csv", b"path,reason\n", "0 examples, 1 in metrics.json"),
    ],
)
def test_a_damaged_run_is_named_in_one_line(copied, capsys, file, content, message):
    run, _ = copied("two")
    before = (run.folder / "report.html").read_bytes()
    (run.folder / file).unlink()
    if content is not None:
        (run.folder / file).write_bytes(content)
    assert main(["--model", str(run.folder)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert (run.folder / "report.html").read_bytes() == before


def test_an_older_run_has_a_report_without_what_it_does_not_know(copied):
    run, _ = copied("two")
    for name in ("reliability.json", "training_features.npz", "report.html"):
        (run.folder / name).unlink(missing_ok=True)
    splits = pd.read_csv(run.folder / "splits.csv", dtype=str, keep_default_na=False)
    splits.drop(columns=["label", "group"]).to_csv(run.folder / "splits.csv", index=False)
    assert main(["--model", str(run.folder)]) == 0
    page = page_of(run)
    assert any(["all examples", "23", "12"] in table for table in page.tables)
    assert "figures" in page.ids


def test_a_training_without_a_history_has_a_report(copied):
    run, _ = copied("two")
    (run.folder / "history.csv").write_text("\n")
    assert len(run.history) == 0
    assert "figure" in render(run)


def test_python_shows_the_same_figures(runs):
    run = runs["two"]
    assert run.plot_confusion().axes[0].get_title() == "Confusion matrix"
    assert run.plot_reliability().axes[0].get_xlabel() == "mean confidence"
    assert run.plot_history().axes[0].get_xscale() == "log"
    with pytest.raises(UserError, match="no figure confusion"):
        runs["numbers"].plot_confusion()
    assert run.plot_history()._repr_png_().startswith(b"\x89PNG")
    assert len(runs["numbers"].show_mistakes(most=5).axes) == 5
    shown = run._repr_html_()
    assert "<svg" in shown
    assert "val" in shown
    assert "<script" not in runs["names"]._repr_html_()


def test_an_installed_package_has_the_pages():
    setup, package = ConfigParser(), ROOT / "keras_transfer"
    setup.read(ROOT / "setup.cfg")
    patterns = {
        package.parent / room.replace(".", "/") / pattern
        for room, named in setup["options.package_data"].items()
        for pattern in named.split(", ")
    }
    files = [p for p in package.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")]
    assert {"report.html", "style.css", "index.html", "model.js"} <= {p.name for p in files}
    assert [f for f in files if not any(fnmatch(str(f), str(p)) for p in patterns)] == []


@pytest.mark.slow
@KIND
def test_a_browser_shows_it_without_a_complaint_or_a_request(runs, tmp_path, kind):
    found = look_at(runs[kind].folder / "report.html", tmp_path)
    assert found["console"] == []
    assert found["requests"] == []
    assert found["images"] >= 12
    assert found["broken"] == 0
    assert found["wider"] == 0


def test_pixels_stay_numbers_of_the_style():
    style = (ROOT / "keras_transfer" / "report" / "style.css").read_text()
    assert re.search(r"prefers-color-scheme: dark", style)
    assert re.search(r"@media print", style)
