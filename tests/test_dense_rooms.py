"""What heads that look at several stages of a base need: taps, a cut of several tensors, views."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.bases.build import build_base
from keras_transfer.bases.table import BASES
from keras_transfer.bases.taps import nearest_stride, tap_layers
from keras_transfer.config import make_config
from keras_transfer.data import examples as data_examples
from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import ExampleError, UserError
from keras_transfer.features.disk import DiskStore
from keras_transfer.features.store import FeatureStore
from keras_transfer.inputs.image import MODALITY, Geometry, augmentation
from keras_transfer.inputs.image.resizing import RESIZES, resize_pixels
from keras_transfer.model.cut import cut
from keras_transfer.model.trainable import set_trainable
from keras_transfer.runtimes.batching import BATCH_SIZE
from keras_transfer.runtimes.postprocessed import Postprocessed
from keras_transfer.strategies.common.inputs import batches_for, views_of
from keras_transfer.tasks import find_task
from tests.support.drawing import plant_classes
from tests.support.odd_images import noise
from tests.test_strategies import tiny_dataset


@pytest.fixture(scope="module")
def dataset():
    return tiny_dataset(per_kind=3, splits=("train",), size=64)


SMALL = ("mobilenet_v2_0.35", "efficientnet_lite0", "mobilenet", "vgg16", "resnet50_v2")


# --- taps


@pytest.mark.parametrize("name", SMALL)
def test_taps_are_the_last_stages_that_bring_something(name):
    body = build_base(name, 64, "none")
    taps = tap_layers(body, (4, 8, 16, 32))
    rows = [body.get_layer(layer).output.shape[1] for layer in taps.values()]
    assert rows == [16, 8, 4, 2]
    names = list(dict(BASES[name].stages).values())
    assert [names.index(layer) for layer in taps.values()] == sorted(
        names.index(layer) for layer in taps.values()
    )


def test_a_stage_that_only_widens_is_passed_over():
    wide = tap_layers(build_base("efficientnet_lite0", 64, "none"), (32,))[32]
    assert wide == "block7a_project_bn"
    assert tap_layers(build_base("vgg16", 64, "none"), (32,))[32] == "block5_pool"


def test_a_base_without_such_stages_is_refused():
    with pytest.raises(UserError, match=r"conv4 has no stage at stride 32.*2, 4, 8, 16"):
        tap_layers(build_base("conv4", 64), (8, 16, 32))


@given(st.integers(0, 5), st.integers(8, 40), st.integers(0, 2))
def test_strides_are_found_where_borders_are_lost(power, rows, lost):
    stride = 2**power
    assert nearest_stride(stride * rows, rows - lost) == stride


def test_a_run_that_ends_at_its_taps_begins_another(tmp_path):
    model, taps = pyramid_model("efficientnet_lite0")
    model.save(tmp_path / "model.keras")  # a run folder
    body = build_base("efficientnet_lite0", 64, tmp_path, strides=(8, 16, 32))
    for name in taps:
        for ours, theirs in zip(
            body.get_layer(name).get_weights(), model.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(UserError, match="differ first at the layer top_conv"):
        build_base("efficientnet_lite0", 64, tmp_path)
    with pytest.raises(UserError, match="differ first"):  # of another base, as before
        build_base("efficientnet_lite1", 64, tmp_path, strides=(8, 16, 32))


# --- a cut of several tensors


def pyramid_model(base="mobilenet_v2_0.35", size=64):
    """A flat network whose head sums what it taps at three strides."""
    keras = load_keras()
    body = build_base(base, size, "none")
    taps = list(tap_layers(body, (8, 16, 32)).values())
    layers, maps = keras.layers, [body.get_layer(name).output for name in taps]
    sums = [layers.Conv2D(4, 1, name=f"lateral_{i}")(one) for i, one in enumerate(maps)]
    pooled = [layers.GlobalAveragePooling2D(name=f"pool_{i}")(one) for i, one in enumerate(sums)]
    output = layers.Dense(3, name="head")(layers.Add(name="sum")(pooled))
    model = keras.Model(body.input, output, name=base)
    inside = {layer.name for layer in body.layers}
    model.tap_layers, model.head_layers = (
        taps,
        [layer.name for layer in model.layers if layer.name not in inside],
    )
    return model, taps


@pytest.mark.parametrize("base", SMALL)
def test_a_frozen_base_is_cut_at_its_taps(base):
    model, taps = pyramid_model(base)
    set_trainable(model, "none")
    prefix, suffix = cut(model)
    assert [tensor._keras_history.operation.name for tensor in prefix.outputs] == taps
    assert {layer.name for layer in suffix.layers if layer.weights} == {
        "lateral_0",
        "lateral_1",
        "lateral_2",
        "head",
    }


@pytest.mark.parametrize(("part", "tensors"), [("none", 3), ("block_14", 3), ("block_6", 1)])
def test_pieces_predict_as_the_whole(part, tensors):
    model, _ = pyramid_model()
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 64, 64, 3)).astype(np.float32)
    set_trainable(model, part)
    prefix, suffix = cut(model)
    assert len(prefix.outputs) == tensors
    assert not prefix.trainable_weights
    pieces = suffix(prefix(pixels, training=False), training=False)
    np.testing.assert_allclose(pieces, model(pixels, training=False), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_row_holds_the_tensors_of_an_example_together(tmp_path, on_disk, dataset):
    model, _ = pyramid_model()
    set_trainable(model, "none")
    prefix, indices = cut(model)[0], np.arange(9)
    store = FeatureStore(DiskStore(tmp_path) if on_disk else None)
    found = store.features(prefix, dataset.examples, indices[::-1])
    expected = prefix(dataset.examples.batch(indices[::-1]).astype(np.float32), training=False)
    assert isinstance(found, tuple)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-3)  # stored in float16
    again = FeatureStore(DiskStore(tmp_path)) if on_disk else store
    again.features(prefix, dataset.examples, indices)
    assert again.computed == (0 if on_disk else 9)
    exact = FeatureStore(precision="float32").features(prefix, dataset.examples, indices)
    for one, other in zip(exact, expected, strict=True):
        np.testing.assert_allclose(one[::-1], other, rtol=1e-5, atol=1e-5)


# --- where things lie


def square_at(shape, box):
    """An image (height, width, 3) that is white inside of a box of whole pixels."""
    pixels = np.zeros((*shape, 3), np.uint8)
    left, top, right, bottom = box
    pixels[top:bottom, left:right] = 255
    return pixels


def bounds(pixels):
    """The relative box (2, 2), corners x and y, of what is more than half white."""
    rows, columns = np.where(pixels[..., 0] > 127)
    size = pixels.shape[1], pixels.shape[0]
    corners = [(columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)]
    return np.array(corners) / size


@given(
    st.tuples(st.integers(40, 120), st.integers(40, 120)),
    st.tuples(st.integers(30, 90), st.integers(30, 90)),
    st.sampled_from(RESIZES),
)
@settings(max_examples=40, deadline=None)
def test_a_point_moves_with_the_pixels_that_are_resized(shape, size, how):
    height, width = shape
    box = (width // 2 - 9, height // 2 - 7, width // 2 + 8, height // 2 + 10)
    pixels = resize_pixels(square_at(shape, box), size, how).numpy()
    geometry = Geometry(height, width, how, size)
    corners = np.array(box).reshape(2, 2) / (width, height)
    moved = geometry.to_model(corners)
    assert np.abs((moved - bounds(pixels)) * size[::-1]).max() <= 1.01
    np.testing.assert_allclose(geometry.from_model(moved), corners, atol=1e-12)


@given(st.integers(0, 1000), st.sampled_from(["light", "standard", "strong", "medical"]))
@settings(max_examples=40, deadline=None)
def test_a_view_says_where_it_shows_what(seed, name):
    kind = augmentation.find_augmentation(name + augmentation.UNTURNED)
    kind = kind._replace(erase=0.0, contrast=0.0, brightness=0.0, saturation=0.0)
    shape, box = (80, 120), (52, 33, 70, 49)
    draws = augmentation.draw(seed, 1, [seed])
    pixels = square_at(shape, box).astype(np.float32)[None]
    view = augmentation.augment(load_tensorflow().constant(pixels), draws, kind).numpy()[0]
    turn, shift = np.split(augmentation.movements(draws, shape, kind)[0], [2], axis=1)
    corners = np.array(box).reshape(2, 2) / (shape[1], shape[0])
    moved = np.sort((corners - shift[:, 0]) @ np.linalg.inv(turn).T, axis=0)
    assert np.abs((moved - bounds(view)) * shape[::-1]).max() <= 1.1


def test_a_plain_view_moves_nothing(dataset):
    examples, config = dataset.examples, make_config(views=3)
    views = [*views_of("light", config, 3), ("light", 1, 9)]
    digests = examples.digests[:4]
    found = examples.modality.movements(digests, views, examples.spec)
    assert (found[0] == np.eye(2, 3)).all()
    assert len({one.tobytes() for one in found}) == 4
    again = examples.modality.movements(digests[::-1], views[::-1], examples.spec)
    assert (again == found[::-1]).all()


# --- what such a task may do with labels, targets and outputs


class Marked(find_task("classification")):
    """A toy: an example has a label and a place, and its prediction is one number."""

    needs_geometry = True

    @classmethod
    def remarks(cls, label, geometry):
        if label == "red" and geometry.height != geometry.width:
            raise ExampleError("it is not square")
        return ("something is odd",) if label == "grey" else ()

    def move(self, targets, movements):
        return targets + movements[:, 0, 2]

    def postprocess(self, outputs):
        assert len(outputs) <= BATCH_SIZE
        return outputs.sum(axis=1, keepdims=True)


@pytest.fixture
def marked(monkeypatch):
    monkeypatch.setattr(data_examples, "find_task", lambda name: Marked)


def test_labels_are_looked_at_beside_their_images(tmp_path, marked):
    photos = plant_classes(tmp_path, 2)
    wide = photos / "red" / "000.png"
    Image.fromarray(noise(20, 10)).save(wide)
    source = read_source(photos)
    spec = MODALITY.spec(BASES["efficientnet_lite0"], make_config(image_size=32))
    examples = data_examples.read_examples(source, spec)
    assert examples.skipped["reason"].tolist() == ["it is not square"]
    assert len(examples) == 5
    assert examples.notes == ("2 examples: something is odd; first: grey/000.png",)
    known = set(examples.digests)
    again = data_examples.read_examples(source, spec, known)  # not decoded, yet looked at
    assert again.notes == examples.notes
    assert [one.height for one in again.geometries] == [48] * 5


def test_targets_move_with_the_views_of_their_epoch(dataset):
    task = Marked(dataset.task.outputs)
    fit = dataset.indices("train")
    plain = replace(dataset, task=task, targets=np.arange(len(fit), dtype=np.float64))
    views = [None, *(("light", 0, number) for number in (1, 2))]
    fetch, config = RawInputs(plain.examples, views), make_config(batch_size=4)
    network = pyramid_model()[0]
    batches, steps = batches_for(network, fetch, plain, fit, config, 2)
    found = np.concatenate([targets.numpy() for _, targets, _ in batches])
    expected = []
    for epoch in range(2):
        order = np.random.default_rng([0, epoch]).permutation(len(fit))
        digests, shown = plain.examples.digests[order], fetch.shown(order, epoch)
        moved = MODALITY.movements(digests, shown, plain.examples.spec)[:, 0, 2]
        expected.append(order + moved)
    np.testing.assert_allclose(found, np.concatenate(expected), atol=1e-6)
    assert len(found) == 2 * len(fit)
    assert steps == 3
    assert (found != np.round(found)).any()


def test_outputs_become_predictions_batch_by_batch(dataset):
    inputs = np.random.default_rng(0).normal(size=(2 * BATCH_SIZE + 3, 5))
    found = Postprocessed(lambda part: part, Marked(("a", "b")))(inputs)
    np.testing.assert_allclose(found, inputs.sum(axis=1, keepdims=True))
