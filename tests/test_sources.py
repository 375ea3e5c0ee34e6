"""Every SPEC becomes the same table; what cannot be learned from is refused in one line."""

import os

import numpy as np
import pandas as pd
import pytest

from keras_transfer.data.labels import plain_label
from keras_transfer.data.sources import infer_task, read_source, safe_name
from keras_transfer.data.splits import check_labels
from keras_transfer.errors import UserError
from tests.pictures import png_bytes, quarters

COLUMNS = ["path", "label", "split", "group", "shown"]


def plant(root, *names):
    """Small pictures at these paths below `root`, each with its folders."""
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png_bytes(quarters(6, 4)))
    return root


def write_table(root, text, name="pictures.csv", encoding="utf-8"):
    (root / name).write_bytes(text.encode(encoding))
    return root / name


def labels(source):
    return dict(zip(source.table["shown"], source.table["label"], strict=True))


def refusal(spec, task="auto"):
    with pytest.raises(UserError) as refused:
        read_source(spec, task)
    assert "\n" not in str(refused.value)
    return str(refused.value)


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
    assert (source.kind, source.root, source.targets, source.notes) == (
        "classes",
        tmp_path.resolve(),
        (),
        (),
    )
    assert infer_task(source.table, source) == "classification"


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
    assert infer_task(source.table) == "classification"
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
    assert "2 files without a picture's name" in notes
    assert "the folder c holds no pictures" in notes
    assert "1 picture outside the class folders" in notes
    assert len(source.notes) == 3


def test_unlabelled_test_folder_is_named_and_not_used(tmp_path):
    plant(tmp_path, "train/a/1.png", "train/b/2.png", "test/3.png", "extra/4.png")
    source = read_source(tmp_path)
    assert set(source.table["split"]) == {"train"}
    assert any("1 picture of test in no class folder" in note for note in source.notes)
    assert any("extra" in note for note in source.notes)


def test_folders_that_are_refused(tmp_path):
    assert "no such data" in refusal(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    assert "no pictures in" in refusal(tmp_path / "empty")
    plant(tmp_path / "loose", "1.png", "2.png")
    message = refusal(tmp_path / "loose")
    assert "no class folders" in message
    assert "2 pictures" in message
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
        check_labels(table, "classification")


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


# Tables


def test_table_in_a_folder_wins_over_its_folders(tmp_path):
    plant(tmp_path, "a/1.png", "b/2.png", "a/3.png")
    text = "path,label,split,group\na/1.png,red,train,P1\nb/2.png,blue,valid,P2\n"
    write_table(tmp_path, text)
    source = read_source(tmp_path)
    assert labels(source) == {"a/1.png": "red", "b/2.png": "blue"}
    assert list(source.table["split"]) == ["train", "val"]
    assert list(source.table["group"]) == ["P1", "P2"]
    assert (source.name, source.kind) == (safe_name(tmp_path.name), "table")
    by_file = read_source(tmp_path / "pictures.csv")
    assert by_file.table.equals(source.table)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_spreadsheets_ways_of_writing_csv(tmp_path, separator, encoding):
    plant(tmp_path, "größe.png", "2.png", "3.png")
    rows = ["Path ,LABEL,remark", "größe.png,NA,x", "2.png,None,", "3.png,null,y"]
    file = write_table(tmp_path, "\r\n".join(rows).replace(",", separator), "t.csv", encoding)
    assert labels(read_source(file)) == {"größe.png": "NA", "2.png": "None", "3.png": "null"}


def test_parquet_says_what_csv_says(tmp_path):
    plant(tmp_path, "1.png", "2.png", "3.png")
    frame = pd.DataFrame({"path": ["1.png", "2.png", "3.png"], "label": ["a", "b", "a"]})
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    parquet, csv = read_source(tmp_path / "t.parquet"), read_source(tmp_path / "t.csv")
    assert parquet.table.equals(csv.table)
    (tmp_path / "bad.parquet").write_bytes(b"words")
    assert "not a parquet file" in refusal(tmp_path / "bad.parquet")


def test_several_labels(tmp_path):
    plant(tmp_path, "1.png", "2.png", "3.png")
    file = write_table(tmp_path, "path,label\n1.png,sea|sunset\n2.png,\n3.png, sea \n")
    source = read_source(file)
    assert labels(source) == {"1.png": ("sea", "sunset"), "2.png": (), "3.png": ("sea",)}
    assert infer_task(source.table, source) == "multilabel"
    single = write_table(tmp_path, "path,label\n1.png,sea\n2.png,\n3.png,sky\n", "single.csv")
    assert "without a label: 1 picture" in refusal(single)
    assert labels(read_source(single, "multilabel"))["2.png"] == ()
    listed = pd.DataFrame({"path": [str(tmp_path / "1.png")], "label": [["sea", "sky"]]})
    assert "--task multilabel" in refusal(listed, "classification")


def numbers_table(tmp_path, values):
    names = [f"{number}.png" for number in range(len(values))]
    plant(tmp_path, *names)
    rows = "".join(f"{name},{value}\n" for name, value in zip(names, values, strict=True))
    return write_table(tmp_path, "path,label\n" + rows)


@pytest.mark.parametrize(
    ("values", "task", "first"),
    [
        (range(20), "classification", "0"),
        (range(21), "regression", 0.0),
        ([0.5, 1, 2], "regression", 0.5),
        (["1e3", "-2.5"], "regression", 1000.0),
        (["3", "x"], "classification", "3"),
    ],
)
def test_numbers_are_classes_only_when_few_and_whole(tmp_path, values, task, first):
    source = read_source(numbers_table(tmp_path, values))
    assert infer_task(source.table, source) == task
    assert source.table["label"].iloc[0] == first


def test_a_task_that_is_given_converts_the_labels(tmp_path):
    file = numbers_table(tmp_path, [1, 2, 1])
    assert list(read_source(file).table["label"]) == ["1", "2", "1"]
    assert list(read_source(file, "regression").table["label"]) == [1.0, 2.0, 1.0]
    file = numbers_table(tmp_path, np.arange(25) / 2)
    assert read_source(file, "classification").table["label"].iloc[1] == "0.5"
    assert any("regression" in note for note in read_source(file).notes)
    plant(tmp_path / "ages", "20/1.png", "35/2.png")
    assert list(read_source(tmp_path / "ages", "regression").table["label"]) == [20.0, 35.0]
    plant(tmp_path / "pets", "cat/1.png", "dog/2.png")
    assert "not a finite number" in refusal(tmp_path / "pets", "regression")


def test_semicolon_tables_may_have_decimal_commas(tmp_path):
    plant(tmp_path, "1.png", "2.png")
    file = write_table(tmp_path, "path;label\n1.png;3,5\n2.png;-1,25\n")
    assert list(read_source(file).table["label"]) == [3.5, -1.25]


def test_several_targets(tmp_path):
    plant(tmp_path, "1.png", "2.png")
    file = write_table(tmp_path, "path,label_age,label_Height\n1.png,3,1.5\n2.png,4,1.75\n")
    source = read_source(file)
    assert source.targets == ("age", "Height")
    assert list(source.table["label"]) == [(3.0, 1.5), (4.0, 1.75)]
    assert infer_task(source.table, source) == "regression"
    assert "regression" in refusal(file, "classification")
    one = write_table(tmp_path, "path,label_age\n1.png,3\n2.png,4\n", "one.csv")
    assert list(read_source(one).table["label"]) == [3.0, 4.0]
    assert read_source(one).targets == ("age",)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "NaN"])
def test_numbers_that_are_none_are_refused(tmp_path, value):
    message = refusal(numbers_table(tmp_path, [0.5, value, 2.25]))
    assert "not a finite number" in message
    assert "1.png" in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("path,label\n", "has no rows"),
        ("file,class\n1.png,a\n", "lacks the columns path and label (found: columns file, class)"),
        ("path,kind\n1.png,a\n", "lacks a column label (found: columns path, kind)"),
        ("path,label,Label\n1.png,a,b\n", "has a column twice (found: label)"),
        ("path,label\n1.png,a\n,b\n", "without a path"),
        ("path,label\n1.png,a,b\n", "not a csv table"),
        ("path,label\n1.png,a\n2.png,b,c,d\n", "not a csv table"),
        ("path,label\n1.png,a\n9.png,b\n8.png,b\n", "2 of 3 files"),
        ("path,label\n1.png,a\n9.png,b\n", "(found: 9.png)"),
        ("path,label\n1.png,a\n../outside.png,b\n", "leave its folder (found: ../outside.png)"),
        ("path,label\n1.png,a\n/somewhere/else.png,b\n", "leave its folder"),
        ("path,label\n1.png,a\nlink.png,b\n", "leave its folder (found: link.png)"),
        ("path,label\n1.png,a\nlinked/outside.png,b\n", "leave its folder"),
        ("path,label\n1.png,a\n1.png,b\n", "twice with different labels (found: 1.png)"),
        ("path,label,split\n1.png,a,train\n./1.png,a,val\n", "twice with different splits"),
        ("path,label,split\n1.png,a,trian\n", "unknown split (found: 'trian'). Did you mean train"),
        ("path,label\n1.png,a\n2.png,\n", "without a label: 1 picture (found: 2.png)"),
    ],
)
def test_tables_that_are_refused(tmp_path, text, said):
    home = plant(tmp_path / "home", "1.png", "2.png")
    plant(tmp_path / "away", "outside.png")
    plant(tmp_path, "outside.png")
    (home / "link.png").symlink_to(tmp_path / "outside.png")
    (home / "linked").symlink_to(tmp_path / "away")
    assert said in refusal(write_table(home, text))


def test_files_that_are_no_csv_are_refused(tmp_path):
    assert "not UTF-8" in refusal(
        write_table(tmp_path, "path,label\ngrün.png,a\n", "l.csv", "latin1")
    )
    assert "UTF-16" in refusal(write_table(tmp_path, "path,label\n1.png,a\n", "u.csv", "utf-16"))
    (tmp_path / "picture.csv").write_bytes(png_bytes(quarters()))
    assert "not a csv table" in refusal(tmp_path / "picture.csv")
    write_table(tmp_path, "just some words\nand more\n", "words.csv")
    assert "lacks the columns path and label" in refusal(tmp_path / "words.csv")


def test_absolute_paths_and_links_inside_the_folder_are_fine(tmp_path):
    plant(tmp_path, "real/1.png", "2.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "real" / "1.png")
    text = f"path,label\n{tmp_path / 'real' / '1.png'},a\nlink.png,a\nreal/../2.png,b\n"
    assert list(labels(read_source(write_table(tmp_path, text)))) == [
        "real/1.png",
        "link.png",
        "2.png",
    ]


def test_repeated_rows_are_read_once_and_said(tmp_path):
    plant(tmp_path, "1.png", "2.png")
    file = write_table(tmp_path, "path,label\n1.png,a\n2.png,b\n./1.png,a\n")
    source = read_source(file)
    assert len(source.table) == 2
    assert any("1 repeated rows" in note for note in source.notes)


# Python


def test_dataframe_paths_are_relative_to_the_working_directory(tmp_path, monkeypatch):
    plant(tmp_path, "in/1.png", "2.png")
    monkeypatch.chdir(tmp_path / "in")
    frame = pd.DataFrame(
        {"path": ["1.png", "../2.png"], "label": [1.0, 2], "split": ["train", None]}, index=[7, 7]
    )
    source = read_source(frame)
    assert list(source.table["label"]) == ["1", "2"]
    assert list(source.table["split"]) == ["train", ""]
    assert list(source.table["path"]) == [str(tmp_path / "in/1.png"), str(tmp_path / "2.png")]
    assert list(source.table["shown"]) == ["1.png", "../2.png"]
    assert (source.name, source.root) == ("table", None)
    assert "lacks a column path" in refusal(frame[["label"]])


def test_dataframe_labels_of_many_types(tmp_path, monkeypatch):
    plant(tmp_path, "1.png", "2.png")
    monkeypatch.chdir(tmp_path)

    def read(values, task="auto"):
        frame = pd.DataFrame({"path": ["1.png", "2.png"], "label": values})
        return list(read_source(frame, task).table["label"])

    assert read([True, False]) == ["True", "False"]
    assert read(pd.Categorical(["b", "a"])) == ["b", "a"]
    assert read([["b", "a", "b"], []]) == [("a", "b"), ()]
    assert read([1.5, 2]) == [1.5, 2.0]
    assert read(np.array([3, 4], np.int8), "regression") == [3.0, 4.0]
    with pytest.raises(UserError, match="without a label"):
        read(["a", None])
    with pytest.raises(UserError, match="without a label"):
        read([0.5, float("nan")])


def test_arrays(monkeypatch):
    pixels = np.arange(4 * 6 * 5 * 3, dtype=np.uint8).reshape(4, 6, 5, 3)
    source = read_source((pixels, np.array([[0], [1], [1], [0]])))
    assert list(source.table["label"]) == ["0", "1", "1", "0"]
    assert list(source.table["path"]) == list(source.table["shown"]) == ["0", "1", "2", "3"]
    assert (source.images == pixels).all()
    assert (source.kind, source.name, source.root) == ("arrays", "arrays", None)
    for grey in (pixels[..., 0], pixels[..., :1]):
        read = read_source((grey, ["a", "b", "a", "b"])).images
        assert read.shape == pixels.shape
        assert (read == pixels[..., :1]).all()
    targets = read_source((pixels, np.arange(8).reshape(4, 2) / 4))
    assert targets.targets == ("0", "1")
    assert list(targets.table["label"])[1] == (0.5, 0.75)
    several = read_source((pixels, [("a",), ("a", "b"), (), ("b",)]))
    assert infer_task(several.table, several) == "multilabel"


def test_arrays_that_are_refused():
    pixels = np.zeros((4, 6, 5, 3), np.uint8)
    names = ["a", "b", "a", "b"]
    message = refusal((pixels / 255.0, names))
    assert "must be uint8 (found: float64, 0 to 0)" in message
    assert "(images * 255)" in message
    assert "4 and 3" in refusal((pixels, names[:3]))
    assert "shape" in refusal((pixels[0, 0], names))
    assert "shape" in refusal((np.zeros((4, 6, 5, 4), np.uint8), names))
    assert "argmax" in refusal((pixels, np.eye(4)))
    assert "tuple of 3" in refusal((pixels, names, names))
    assert "empty" in refusal((pixels[:0], []))
    assert "no pixels" in refusal((pixels[:, :0], names))


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
    assert infer_task(source.table, source) == task
    assert source.table["split"].value_counts().to_dict() == counts
    check_labels(source.table, task)


def test_names_are_safe_for_folders():
    assert safe_name("my photos/2024: best*") == "my_photos_2024_best"
    assert safe_name("../..") == "data"
    assert safe_name("größe") == "größe"
    assert len(safe_name("x" * 300)) == 40


@pytest.fixture
def tfds_home(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    from tensorflow_datasets.core.utils import file_utils

    monkeypatch.setenv("KERAS_TRANSFER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tfds").mkdir()
    tfds.core.add_data_dir(tmp_path / "tfds")
    yield tmp_path
    file_utils.clear_registered_data_dirs()


def prepare_tfds(name, label, values, data_dir):
    """Prepare a dataset as tfds would, so that `tfds:NAME` finds it on this machine."""
    import tensorflow_datasets as tfds

    def info(self):
        features = tfds.features.FeaturesDict(
            {"picture": tfds.features.Image(shape=(None, None, 3)), "kind": label}
        )
        return tfds.core.DatasetInfo(builder=self, features=features)

    def examples(self, values):
        for number, value in enumerate(values):
            yield number, {"picture": np.full((5, 6, 3), number, np.uint8), "kind": value}

    def splits(self, manager):
        return {split: self._generate_examples(part) for split, part in values.items()}

    parts = {"VERSION": tfds.core.Version("1.0.0"), "_info": info, "_split_generators": splits}
    made = type(name, (tfds.core.GeneratorBasedBuilder,), {**parts, "_generate_examples": examples})
    made(data_dir=str(data_dir)).download_and_prepare()


def test_tfds_that_lies_on_this_machine(tfds_home):
    import tensorflow_datasets as tfds

    label = tfds.features.ClassLabel(num_classes=30)
    values = {"train": [*range(25), -1], "validation": [1, 2], "unsupervised": [0]}
    prepare_tfds("TinyClasses", label, values, tfds_home / "tfds")
    source = read_source("tfds:tiny_classes")
    assert source.table["split"].value_counts().to_dict() == {"train": 25, "val": 2}
    assert infer_task(source.table, source) == "classification"
    assert (source.name, source.kind) == ("tfds_tiny_classes", "tfds")
    assert "1 pictures in train of tiny_classes have no label" in source.notes
    assert any("unsupervised" in note for note in source.notes)
    again = read_source("tfds:tiny_classes")  # now from the files
    assert again.table.equals(source.table)
    assert again.notes == source.notes


def test_tfds_with_several_labels_or_a_number(tfds_home):
    import tensorflow_datasets as tfds

    names = tfds.features.Sequence(tfds.features.ClassLabel(names=["sea", "sky"]))
    prepare_tfds("TinySeveral", names, {"train": [[0, 1], [1], []]}, tfds_home / "tfds")
    source = read_source("tfds:tiny_several")
    assert sorted(source.table["label"]) == [(), ("sea", "sky"), ("sky",)]
    prepare_tfds("TinyNumber", np.float32, {"train": [1.0, 2.0, 3.0]}, tfds_home / "tfds")
    source = read_source("tfds:tiny_number")
    assert sorted(source.table["label"]) == [1.0, 2.0, 3.0]
    assert infer_task(source.table, source) == "regression"


def test_tfds_that_is_refused(tfds_home, monkeypatch):
    def no_network(*args, **options):
        raise OSError("no route")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    message = refusal("tfds:tf_flowers")
    assert "no network" in message
    assert "no route" in message
    assert "Did you mean tf_flowers?" in refusal("tfds:tf_flowerz")
    assert "has no pictures" in refusal("tfds:imdb_reviews")
    assert "has no labels" in refusal("tfds:celeb_a")
    assert "unknown TensorFlow dataset" in refusal("tfds:colorectal_histology/nonsense")
    assert "no name" in refusal("tfds:../../up")


def test_names_are_one_line_each(tmp_path):
    plant(tmp_path, "a\nb/1.png", "a\nb/2.png", "c/3.png")
    assert set(read_source(tmp_path).table["label"]) == {"a b", "c"}
    assert plain_label(" x\u2028y\x85z\t") == "x y z"
