"""Each row of the table: its golden numbers, its stages, and what can be done with the network."""

import subprocess
import sys

import keras
import numpy
import pytest

from keras_transfer.bases.build import build_bare, build_base, flatten, own_base
from keras_transfer.bases.scaling import SCALINGS, scale_pixels
from keras_transfer.bases.table import BASES, FAMILIES, find_base
from keras_transfer.errors import UserError
from keras_transfer.train import transfer
from tests.support.drawing import plant_classes

GOLDEN = {  # base: parameters without the top, width of the features; from the bare applications
    "vgg16": (14_714_688, 512),
    "vgg19": (20_024_384, 512),
    "resnet50": (23_587_712, 2048),
    "resnet101": (42_658_176, 2048),
    "resnet152": (58_370_944, 2048),
    "resnet50_v2": (23_564_800, 2048),
    "resnet101_v2": (42_626_560, 2048),
    "resnet152_v2": (58_331_648, 2048),
    "xception": (20_861_480, 2048),
    "inception_v3": (21_802_784, 2048),
    "inception_resnet_v2": (54_336_736, 1536),
    "mobilenet": (3_228_864, 1024),
    "mobilenet_0.75": (1_832_976, 768),
    "mobilenet_0.50": (829_536, 512),
    "mobilenet_0.25": (218_544, 256),
    "mobilenet_v2": (2_257_984, 1280),
    "mobilenet_v2_1.40": (4_363_712, 1792),
    "mobilenet_v2_1.30": (3_766_048, 1664),
    "mobilenet_v2_0.75": (1_382_064, 1280),
    "mobilenet_v2_0.50": (706_224, 1280),
    "mobilenet_v2_0.35": (410_208, 1280),
    "mobilenet_v3_small": (939_120, 576),
    "mobilenet_v3_small_0.75": (583_160, 432),
    "mobilenet_v3_large": (2_996_352, 960),
    "mobilenet_v3_large_0.75": (1_808_736, 720),
    "densenet121": (7_037_504, 1024),
    "densenet169": (12_642_880, 1664),
    "densenet201": (18_321_984, 1920),
    "nasnet_mobile": (4_269_716, 1056),
    "nasnet_large": (84_916_818, 4032),
    "efficientnet_b0": (4_049_564, 1280),
    "efficientnet_b1": (6_575_232, 1280),
    "efficientnet_b2": (7_768_562, 1408),
    "efficientnet_b3": (10_783_528, 1536),
    "efficientnet_b4": (17_673_816, 1792),
    "efficientnet_b5": (28_513_520, 2048),
    "efficientnet_b6": (40_960_136, 2304),
    "efficientnet_b7": (64_097_680, 2560),
    "efficientnet_v2_b0": (5_919_312, 1280),
    "efficientnet_v2_b1": (6_931_124, 1280),
    "efficientnet_v2_b2": (8_769_374, 1408),
    "efficientnet_v2_b3": (12_930_622, 1536),
    "efficientnet_v2_s": (20_331_360, 1280),
    "efficientnet_v2_m": (53_150_388, 1280),
    "efficientnet_v2_l": (117_746_848, 1280),
    "convnext_tiny": (27_820_128, 768),
    "convnext_small": (49_454_688, 768),
    "convnext_base": (87_566_464, 1024),
    "convnext_large": (196_230_336, 1536),
    "convnext_xlarge": (348_147_968, 2048),
    "efficientnet_lite0": (3_413_024, 1280),
    "efficientnet_lite1": (4_189_344, 1280),
    "efficientnet_lite2": (4_869_168, 1280),
    "conv4": (113_344, 64),
}


def build_small(name):
    return build_base(name, BASES[name].minimum_size, "none")


@pytest.fixture(scope="module", params=FAMILIES.values())
def smallest(request):
    """(name, network) of the smallest row of each family, built once for all tests of it."""
    return request.param, build_small(request.param)


def clean_cuts(model):
    """Layers after which everything passes through one tensor: their names, in order."""
    place = {id(operation): i for i, operation in enumerate(model.operations)}
    last_use = {}
    for operation in model.operations:
        for parent in operation._inbound_nodes[0].parent_nodes:
            last_use[id(parent.operation)] = place[id(operation)]
    names, reach = [], -1
    for i, operation in enumerate(model.operations):
        if reach <= i:
            names.append(operation.name)
        reach = max(reach, last_use.get(id(operation), -1))
    return names


def test_every_row_has_its_golden_number():
    assert set(GOLDEN) == set(BASES)
    for name, base in BASES.items():
        assert (base.parameters, base.feature_size) == GOLDEN[name], name


def test_every_application_of_keras_is_a_row():
    found = {n for n in dir(keras.applications) if callable(getattr(keras.applications, n))}
    assert found - {base.application for base in BASES.values()} == set()


def test_rows_are_sound():
    for name, base in BASES.items():
        assert base.scaling in SCALINGS, name
        assert base.stage in dict(base.stages), name
        assert base.minimum_size <= base.image_size, name
        assert hash(base), name
        bundled = base.weights == "bundled"
        assert bundled == bool(base.package and base.file and len(base.sha256) == 64), name
        assert (base.weights == "none") == (base.licence == "") == (name == "conv4"), name


def test_parts_of_a_base_lie_one_below_the_other():
    for name, base in BASES.items():
        stages = [stage for stage, _ in base.stages]
        assert base.part() == base.stage, name
        assert stages.index(base.part(1)) == max(0, stages.index(base.stage) - 1), name
        assert base.part(99) == stages[0], name
    inputs = keras.Input((4,))
    assert own_base(keras.Model(inputs, keras.layers.Dense(2)(inputs))).part(1) == "all"


def test_families_name_their_smallest_row():
    for family, smallest in FAMILIES.items():
        rows = [base.parameters for base in BASES.values() if base.family == family]
        assert BASES[smallest].parameters == min(rows)


def test_unknown_name_offers_the_nearest():
    with pytest.raises(UserError, match="mobilenet_v2"):
        find_base("mobilenetv2")


def test_smallest_of_a_family_is_as_its_row_says(smallest):
    check_row(*smallest)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(BASES) - set(FAMILIES.values())))
def test_network_is_as_its_row_says(name):
    check_row(name, build_small(name))


def check_row(name, model):
    base = BASES[name]
    layers = [layer.name for layer in model.layers]
    assert model.count_params() == base.parameters
    assert model.output_shape[-1] == base.feature_size
    assert len(model.output_shape) == 4
    assert model.input_shape == (None, base.minimum_size, base.minimum_size, 3)
    assert layers[0] == "pixels"
    kinds = (keras.Model, keras.layers.Normalization, keras.layers.Lambda)
    assert not [layer.name for layer in model.layers if isinstance(layer, kinds)]
    ends = [end for _, end in base.stages]
    cuts = clean_cuts(model)
    assert [end for end in ends if end not in cuts] == []
    assert ends == sorted(ends, key=layers.index)
    assert ends[-1] == layers[-1]
    for end in ends:
        assert len(model.get_layer(end).output.shape) == 4


def test_trains_saves_and_reloads(smallest, tmp_path):
    name, body = smallest
    base = BASES[name]
    x = keras.layers.GlobalAveragePooling2D(name="pool")(body.output)
    model = keras.Model(body.input, keras.layers.Dense(2, name="head")(x))
    size = base.minimum_size
    pixels = numpy.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype("float32")
    before = model.get_layer("head").get_weights()[0]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # eagerly: the tracing of a large network would take longer than its one step
    model.compile(keras.optimizers.SGD(0.01), loss, run_eagerly=True)
    assert numpy.isfinite(model.train_on_batch(pixels, numpy.array([0, 1])))
    assert (model.get_layer("head").get_weights()[0] != before).any()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    ours, theirs = (one(pixels, training=False).numpy() for one in (model, again))
    numpy.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["mobilenet_v3_small_0.75", "convnext_tiny"])
def test_names_are_the_same_in_every_build(name):
    keras.layers.Conv2D(1, 1), keras.layers.LayerNormalization()  # move what Keras counts
    first = [operation.name for operation in build_small(name).operations]
    second = [operation.name for operation in build_small(name).operations]
    assert first == second
    assert len(set(first)) == len(first)


def test_names_are_those_of_a_fresh_session():
    layers = {layer.name: layer for layer in build_small("inception_v3").layers}
    assert {"conv2d", "conv2d_93", "batch_normalization_93", "activation_93"} <= set(layers)
    assert layers["conv2d_5"].filters == 64  # the first branch of the first block, as in Keras
    assert layers["conv2d_6"].filters == 48


def test_a_network_built_on_its_pixels_is_the_one_that_is_copied(smallest):
    name, built = smallest
    base, size = BASES[name], BASES[name].minimum_size
    copied = flatten(build_bare(base, size), name, size, base.scaling)
    assert built.to_json() == copied.to_json()


@pytest.mark.parametrize("name", ["xception", "inception_v3", "inception_resnet_v2", "vgg16"])
def test_too_small_a_size_names_the_smallest(name):
    smallest = BASES[name].minimum_size
    with pytest.raises(UserError, match=rf"smallest is {smallest}"):
        build_base(name, smallest - 1, "none")


def test_default_size_is_that_of_the_weights():
    assert build_base("mobilenet_v2_0.35", weights="none").input_shape == (None, 224, 224, 3)


def test_saved_model_reloads_without_this_package(tmp_path):
    pixels = keras.Input((8, 8, 3), name="pixels")
    model = keras.Model(pixels, scale_pixels(pixels, "caffe"))
    model.save(tmp_path / "caffe.keras")
    raw = numpy.random.default_rng(0).uniform(0, 255, (1, 8, 8, 3)).astype("float32")
    numpy.savez(tmp_path / "pair.npz", raw=raw, wanted=model(raw))
    code = (
        "import keras, numpy, sys\n"
        "model = keras.models.load_model('caffe.keras')\n"
        "pair = numpy.load('pair.npz')\n"
        "assert (model(pair['raw']).numpy() == pair['wanted']).all()\n"
        "assert [o.name for o in model.operations] == ['pixels', 'scale_blue_first', 'scale']\n"
        "assert not [name for name in sys.modules if name.startswith('keras_transfer')]\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)


def test_mixed_precision_reaches_the_layers():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_small("mobilenet_0.25")
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("conv1").compute_dtype == "float16"
    assert model.input.dtype == "float32"


def test_conv4_begins_at_random_and_has_no_weights_to_load():
    one, other = (build_base("conv4", weights=weights) for weights in ("auto", "none"))
    assert one.input_shape == (None, 28, 28, 3)
    assert one.output_shape == (None, 1, 1, 64)
    assert (one.get_weights()[0] != other.get_weights()[0]).any()
    with pytest.raises(UserError, match=r"no pretrained weights of conv4 .*imagenet"):
        build_base("conv4", weights="imagenet")


def test_a_head_on_random_features_gets_a_warning(tmp_path, capsys):
    photos = plant_classes(tmp_path)
    asked = {"base": "conv4", "export": False, "report": False}
    run = transfer(photos, out=tmp_path / "run", quiet=True, **asked)
    assert run.config.image_size is None
    warnings = [line for line in capsys.readouterr().err.splitlines() if "random" in line]
    assert len(warnings) == 1
    assert "conv4 has no pretrained weights" in warnings[0]


def test_conv4_is_tuned_from_scratch_as_a_whole(tmp_path):
    photos = plant_classes(tmp_path)
    asked = {"base": "conv4", "strategy": "fine_tuning", "export": False, "report": False}
    run = transfer(photos, out=tmp_path / "run", quiet=True, epochs=2, **asked)
    assert "kept" not in run.history  # of a head and a tuning there is a share to keep
