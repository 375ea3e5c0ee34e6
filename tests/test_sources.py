"""Folders become the same table as everything else; what is no data is refused in one line."""

import os
import sys
from hashlib import sha256

import pytest
from PIL import Image

from keras_transfer.data.examples import check_skipped, read_examples
from keras_transfer.data.sources.specs import read_source, safe_name
from keras_transfer.data.splits import check_labels
from keras_transfer.errors import UserError
from keras_transfer.inputs import find_modality
from keras_transfer.tasks import find_task
from keras_transfer.tasks.common.labels import plain_label
from tests.support.odd_images import heic_bytes, quarters
from tests.support.planting import COLUMNS, labels, plant, refusal
from tests.support.tiny import image_spec

# Folders


def test_class_folders(tmp_path):
    plant(tmp_path, "schöne Blumen/b.png", "schöne Blumen/deep/a.PNG", "猫/c.jpg")
    source = read_source(tmp_path)
    assert labels(source) == {
        "schöne Blumen/b.png": "schöne Blumen",
        "schöne Blumen/deep/a.PNG": "schöne Blumen",
        "猫/c.jpg": "猫",
    }
    assert list(source.table.columns) == COLUMNS
    assert set(source.table["split"]) == set(source.table["group"]) == {""}
    assert all(os.path.isfile(path) for path in source.table["path"])
    assert (source.kind, source.root, source.numbers, source.notes) == (
        "classes",
        tmp_path.resolve(),
        (),
        (),
    )
    assert source.task == "classification"


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Val"])
def test_split_folders(tmp_path, val):
    plant(tmp_path, "train/a/1.png", "train/b/2.png", f"{val}/a/3.png", "test/b/4.png")
    table = read_source(str(tmp_path)).table
    assert list(table["split"]) == {
        "Val": ["val", "test", "train", "train"],
    }.get(val, ["test", "train", "train", "val"])
    assert set(table["label"]) == {"a", "b"}


def test_class_folders_may_be_called_by_numbers_or_val(tmp_path):
    plant(tmp_path, *(f"{number}/x.png" for number in range(30)), "val/x.png")
    source = read_source(tmp_path)
    assert source.task == "classification"
    assert set(source.table["label"]) == {*map(str, range(30)), "val"}
    assert set(source.table["split"]) == {""}


def test_hidden_things_are_ignored_and_other_files_counted(tmp_path):
    plant(tmp_path, "a/1.png", "b/2.png", ".ipynb_checkpoints/3.png", "__MACOSX/a/4.png")
    plant(tmp_path, "a/.5.png", "a/.hidden/6.png", "a/Thumbs.db", "a/.DS_Store")
    plant(tmp_path, "a/notes.txt", "b/model.h5", "loose.png", "README.md")
    (tmp_path / "c").mkdir()
    source = read_source(tmp_path)
    assert set(source.table["shown"]) == {"a/1.png", "b/2.png"}
    notes = "; ".join(source.notes)
    assert "2 files of " in notes
    assert "without an image's ending (1 .txt, 1 .h5)" in notes
    assert "the folder c holds no images" in notes
    assert "1 image outside the class folders" in notes
    assert len(source.notes) == 3


def test_the_commonest_endings_of_files_not_read_are_named(tmp_path):
    plant(tmp_path, "a/1.png", "b/2.jpg", "b/3.avif", "b/4.HEIC", "b/5.hif", "b/6.heif")
    raw = [f"a/{number}.DNG" for number in range(4)] + ["b/1.dng", "a/1.cr2", "b/2.cr2", "a/bare"]
    plant(tmp_path, *raw, "a/1.svg", "a/1.psd", "a/1.nef", "a/1.jxl")
    source = read_source(tmp_path)
    assert len(source.table) == 6
    (note,) = source.notes
    assert note.startswith("not read: 12 files of ")
    assert "(5 .dng, 2 .cr2, 1 " in note
    assert note.endswith(", 2 others)")


@pytest.mark.parametrize("known_before", [False, True])  # read with the extra, which has gone
@pytest.mark.parametrize("installed", [True, False])
def test_heic_files_without_their_extra_are_counted_and_skipped(
    tmp_path, installed, known_before, monkeypatch
):
    plant(tmp_path, "a/1.png", "b/2.jpg")
    for name in ("b/photo.heic", "b/scan.HEIF"):
        (tmp_path / name).write_bytes(heic_bytes(Image.fromarray(quarters(64, 64))))
    if not installed:
        monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
    source = read_source(tmp_path)
    files = [tmp_path / shown for shown in source.table["shown"]]
    known = {sha256(file.read_bytes()).hexdigest() for file in files} if known_before else set()
    spec, image = image_spec(32), find_modality("image")
    with monkeypatch.context() as there:
        there.setattr("keras_transfer.inputs.image.find_spec", lambda name: True)
        reader_before = image.reader(spec)
    if image.reader(spec) != reader_before:  # what it read is not what this one can read
        known = set()
    examples = read_examples(source, spec, known)
    if installed:
        assert not source.notes
        assert len(examples) == 4
        assert examples.there.any() != known_before  # those known before wait to be decoded
        assert examples.batch(range(4)).shape == (4, 32, 32, 3)
        return
    command = "pip install 'keras_transfer[heic]'"
    assert source.notes == (
        f"2 HEIC files cannot be read without an extra: {command}; first: b/photo.heic",
    )
    assert list(examples.skipped["path"]) == ["b/photo.heic", "b/scan.HEIF"]
    assert all(command in reason for reason in examples.skipped["reason"])
    with pytest.raises(UserError, match="2 of 4 examples cannot be read") as refused:
        check_skipped(examples, 0.05)
    assert command in str(refused.value)


def test_unlabelled_test_folder_is_named_and_not_used(tmp_path):
    plant(tmp_path, "train/a/1.png", "train/b/2.png", "test/3.png", "extra/4.png")
    source = read_source(tmp_path)
    assert set(source.table["split"]) == {"train"}
    assert any("1 image of test in no class folder" in note for note in source.notes)
    assert any("extra" in note for note in source.notes)


def test_folders_that_are_refused(tmp_path):
    assert "no such data" in refusal(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    assert "no images in" in refusal(tmp_path / "empty")
    plant(tmp_path / "loose", "1.png", "2.png")
    message = refusal(tmp_path / "loose")
    assert "no class folders" in message
    assert "2 images" in message
    assert "folder of its own" in message
    plant(tmp_path / "loose_train", "train/1.png", "val/a/2.png")
    assert "no class folders" in refusal(tmp_path / "loose_train")
    plant(tmp_path / "texts", "a/1.txt", "b/2.txt")
    assert "2 .txt" in refusal(tmp_path / "texts")
    plant(tmp_path / "wrapped", "photos/a/1.png", "photos/b/2.png")
    assert f"Did you mean {tmp_path.resolve() / 'wrapped' / 'photos'}?" in refusal(
        tmp_path / "wrapped"
    )


def test_one_class_is_refused_when_it_is_to_be_learned(tmp_path):
    plant(tmp_path, "only/1.png", "only/2.png")
    table = read_source(tmp_path).table
    with pytest.raises(UserError, match="only one class"):
        check_labels(table, find_task("classification"))


def test_a_folder_name_that_is_nearly_right_is_offered(tmp_path, monkeypatch):
    plant(tmp_path, "flowers/a/1.png")
    assert "Did you mean" in refusal(tmp_path / "flower")
    assert "flowers?" in refusal(tmp_path / "flower")
    monkeypatch.chdir(tmp_path)
    assert "Did you mean demo?" in refusal("dmeo")
    assert "Known: demo" in refusal("xyzzy")
    assert "Unpack it" in refusal(plant(tmp_path, "photos.zip") / "photos.zip")
    assert "no description of data" in refusal(plant(tmp_path, "photo.jpg") / "photo.jpg")
    assert "no description of data" in refusal(17)
    assert "unknown task" in refusal(tmp_path, "clasification")


# Real sets, and sets by name


@pytest.mark.parametrize(
    ("name", "task", "counts"),
    [
        ("flowers5", "classification", {"train": 300, "val": 200}),
        ("hymenoptera", "classification", {"train": 245, "val": 153}),
        ("trashnet", "classification", {"train": 575, "val": 286}),
        ("chest_xray", "classification", {"train": 722, "val": 178, "test": 239}),
        ("scenes_multilabel", "multilabel", {"train": 327, "val": 166}),
        ("cells", "regression", {"train": 205, "val": 159}),
    ],
)
def test_real_sets_are_read_whole(real_data, name, task, counts):
    source = read_source(real_data(name))
    assert source.name == name
    assert source.task == task
    assert source.table["split"].value_counts().to_dict() == counts
    check_labels(source.table, find_task(task))


def test_names_are_safe_for_folders():
    assert safe_name("my photos/2024: best*") == "my_photos_2024_best"
    assert safe_name("../..") == "data"
    assert safe_name("größe") == "größe"
    assert len(safe_name("x" * 300)) == 40


def test_names_are_one_line_each(tmp_path):
    plant(tmp_path, "a\nb/1.png", "a\nb/2.png", "c/3.png")
    assert set(read_source(tmp_path).table["label"]) == {"a b", "c"}
    assert plain_label(" x\u2028y\x85z\t") == "x y z"
