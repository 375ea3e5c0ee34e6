"""What tables of images may say, and what is refused of them."""

import numpy as np
import pandas as pd
import pytest

from keras_transfer.data.sources.specs import read_source, safe_name
from tests.support.odd_images import png_bytes, quarters
from tests.support.planting import labels, plant, refusal, write_table

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
    by_file = read_source(tmp_path / "metadata.csv")
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
    assert source.task == "multilabel"
    single = write_table(tmp_path, "path,label\n1.png,sea\n2.png,\n3.png,sky\n", "single.csv")
    assert "without a label: 1 example" in refusal(single)
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
    assert source.task == task
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
    assert source.numbers == ("age", "Height")
    assert list(source.table["label"]) == [(3.0, 1.5), (4.0, 1.75)]
    assert source.task == "regression"
    assert "regression" in refusal(file, "classification")
    one = write_table(tmp_path, "path,label_age\n1.png,3\n2.png,4\n", "one.csv")
    assert list(read_source(one).table["label"]) == [3.0, 4.0]
    assert read_source(one).numbers == ("age",)


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
        (
            "file,class\n1.png,a\n",
            "lacks the columns file_name and label (found: columns file, class)",
        ),
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
        ("path,label\n1.png,a\n2.png,\n", "without a label: 1 example (found: 2.png)"),
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
    (tmp_path / "image.csv").write_bytes(png_bytes(quarters()))
    assert "not a csv table" in refusal(tmp_path / "image.csv")
    write_table(tmp_path, "just some words\nand more\n", "words.csv")
    assert "lacks the columns file_name and label" in refusal(tmp_path / "words.csv")


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
