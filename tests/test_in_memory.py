"""Data that Python brings: frames and arrays."""

import numpy as np
import pandas as pd
import pytest

from keras_transfer.backend import load_tensorflow
from keras_transfer.data.examples import read_examples
from keras_transfer.data.sources import arrays
from keras_transfer.data.sources.specs import is_in_memory, read_source
from keras_transfer.errors import UserError
from keras_transfer.inputs.image.resizing import resize_pixels
from tests.support.planting import plant, refusal
from tests.support.tiny import image_spec

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


PIXELS = np.arange(4 * 6 * 5 * 3, dtype=np.uint8).reshape(4, 6, 5, 3)


def dataset_of(*arrays):
    return load_tensorflow().data.Dataset.from_tensor_slices(arrays)


@pytest.mark.parametrize("images", [PIXELS, PIXELS[..., :1], PIXELS[..., 0]])
@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize(
    "labels", [[0, 1, 1, 0], [0.5, 1, 2, 3], ["a", "b", "a", "é"], np.arange(8).reshape(4, 2) / 4]
)
def test_a_dataset_is_read_as_arrays_are(images, batch, labels):
    dataset = dataset_of(images, labels)
    read = read_source(dataset.batch(batch) if batch else dataset)
    expected = read_source((images, np.array(labels)))
    assert read.table.equals(expected.table)
    np.testing.assert_array_equal(read.array, expected.array)
    assert (read.numbers, read.kind, read.notes) == (
        expected.numbers,
        expected.kind,
        expected.notes,
    )


def of_many_sizes(count=4):
    tf = load_tensorflow()
    generator = np.random.default_rng(0)
    sizes = [(6 + number % 3, 9, 3) for number in range(count)]
    images = [generator.integers(0, 256, size, dtype=np.uint8) for size in sizes]
    spec = (tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.string))
    pairs = list(zip(images, "abab" * count, strict=False))
    return images, tf.data.Dataset.from_generator(lambda: iter(pairs), output_signature=spec)


def test_images_of_a_dataset_may_differ_in_size():
    images, dataset = of_many_sizes()
    source = read_source(dataset)
    assert list(source.table["label"]) == list("abab")
    assert [image.shape for image in source.array] == [image.shape for image in images]
    examples = read_examples(source, image_spec(8))
    assert len(set(examples.table["sha256"])) == 4
    for row, image in enumerate(images):
        wanted = np.asarray(resize_pixels(image, 8, "squeeze")).astype(np.uint8)
        np.testing.assert_array_equal(examples.batch([row])[0], wanted)


def test_datasets_that_are_refused():
    tf = load_tensorflow()
    dataset = dataset_of(PIXELS, [0, 1, 1, 0])
    assert "never ends" in refusal(dataset.repeat())
    assert "pairs (image, label)" in refusal(dataset.map(lambda image, label: image))
    assert "pairs (image, label)" in refusal(dataset_of(PIXELS, [0] * 4, [1] * 4))
    assert "pairs (image, label)" in refusal(dataset.map(lambda x, y: ({"image": x}, y)))
    message = refusal(dataset_of(PIXELS / 255, [0, 1, 1, 0]))
    assert "must be uint8 (found: float64, 0 to" in message
    assert "(images * 255)" in message
    assert "argmax" in refusal(dataset_of(PIXELS, np.eye(4)))
    assert "argmax" in refusal(dataset_of(PIXELS, np.eye(4)).batch(3))
    assert "is empty" in refusal(dataset.take(0))
    encoded = dataset_of([b"jpeg"] * 4, [0, 1, 1, 0])
    assert "must be uint8" in refusal(encoded)
    broken = dataset.map(lambda x, y: (x, tf.strings.to_number("x")))
    assert "fails while it is read" in refusal(broken)
    spec = (tf.TensorSpec((6, 5, 3), tf.uint8), tf.TensorSpec(None, tf.float32))
    pairs = list(zip(PIXELS, [[0.5], [0.5, 1.5], [1.5], 2.5], strict=True))
    shapes = tf.data.Dataset.from_generator(lambda: iter(pairs), output_signature=spec)
    assert "differ in shape" in refusal(shapes)


def test_a_dataset_of_unknown_length_is_read_up_to_a_bound(monkeypatch):
    _, dataset = of_many_sizes(8)
    assert len(read_source(dataset).table) == 8
    monkeypatch.setattr(arrays, "MOST_BYTES", 1000)
    message = refusal(dataset.repeat(2))
    assert "may never end (found: no end after" in message
    assert "assert_cardinality" in message
    counted = dataset.apply(load_tensorflow().data.experimental.assert_cardinality(8))
    assert len(read_source(counted).table) == 8


def test_what_holds_the_examples_itself():
    dataset = dataset_of(PIXELS, [0, 1, 1, 0])
    frame = pd.DataFrame({"path": ["1.png"], "label": ["a"]})
    assert all(map(is_in_memory, [(PIXELS, [0] * 4), frame, dataset, dataset.batch(2)]))
    others = ["demo", 17, [PIXELS], dataset.as_numpy_iterator(), iter(dataset)]
    assert not any(map(is_in_memory, others))
    assert "no description of data" in refusal(dataset.as_numpy_iterator())
