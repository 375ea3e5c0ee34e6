"""Data that Python brings: frames and arrays."""

import numpy as np
import pandas as pd
import pytest

from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from tests.support.planting import plant, refusal

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
    assert "lacks a column file_name" in refusal(frame[["label"]])


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
    assert (source.array == pixels).all()
    assert (source.kind, source.name, source.root) == ("arrays", "arrays", None)
    for grey in (pixels[..., 0], pixels[..., :1]):
        read = read_source((grey, ["a", "b", "a", "b"])).array
        assert read.shape == pixels.shape
        assert (read == pixels[..., :1]).all()
    targets = read_source((pixels, np.arange(8).reshape(4, 2) / 4))
    assert targets.numbers == ("0", "1")
    assert list(targets.table["label"])[1] == (0.5, 0.75)
    several = read_source((pixels, [("a",), ("a", "b"), (), ("b",)]))
    assert several.task == "multilabel"


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
