"""The model factory, the trainable part and the cut, for the smallest base of every family."""

import numpy as np
import pytest

from keras_transfer.backend import load_keras
from keras_transfer.bases.table import BASES, FAMILIES
from keras_transfer.errors import UserError
from keras_transfer.model.cut import clean_cuts, cut
from keras_transfer.model.factory import base_layers, build_model
from keras_transfer.model.trainable import set_trainable
from keras_transfer.tasks import find_task

SMALL = "mobilenet_v2_0.35"


def tiny(base=SMALL, **settings):
    size = max(32, BASES[base].minimum_size)
    settings = {"image_size": size, "weights": "none", **settings}
    return build_model(base, "classification", 3, **settings)


def images(model, count=4):
    size = model.input_shape[1]
    # far from grey, so that batch norms which are not held would move a lot
    return np.random.default_rng(0).uniform(100, 255, (count, size, size, 3)).astype("float32")


def shake_norms(model):
    """Random statistics: with those of a fresh network too many answers are alike."""
    generator = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, load_keras().layers.BatchNormalization):
            shapes = [variable.shape for variable in layer.weights]
            layer.set_weights([generator.uniform(0.5, 1.5, shape) for shape in shapes])


def train_once(model):
    keras = load_keras()
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy")
    x = images(model)
    model.fit(x, np.array([0, 1, 2, 0]), batch_size=2, verbose=0)


def moved_layers(model, before):
    return {
        layer.name
        for layer in model.layers
        if any((a != b).any() for a, b in zip(before[layer.name], layer.get_weights(), strict=True))
    }


def weights_by_layer(model):
    return {layer.name: layer.get_weights() for layer in model.layers}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_frozen_means_frozen_and_the_named_part_moves(family):
    base = FAMILIES[family]
    model = tiny(base)
    shake_norms(model)
    norms = load_keras().layers.BatchNormalization
    before = weights_by_layer(model)
    train_once(model)
    assert moved_layers(model, before) == {"head"}

    stage = BASES[base].stage
    set_trainable(model, stage)
    wanted = {layer.name for layer in model.layers if layer.trainable_weights}
    before = weights_by_layer(model)
    train_once(model)
    moved = moved_layers(model, before)
    assert moved == wanted
    assert {"head"} < moved
    assert not any(isinstance(model.get_layer(name), norms) for name in moved)
    stages = [name for name, _ in BASES[base].stages]
    below = base_layers(model)
    if stages.index(stage):
        last_below = dict(BASES[base].stages)[stages[stages.index(stage) - 1]]
        frozen = below[: [layer.name for layer in below].index(last_below) + 1]
        assert not moved & {layer.name for layer in frozen}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_cut_pieces_answer_as_the_whole(family):
    model = tiny(FAMILIES[family])
    shake_norms(model)
    x = images(model)
    whole = model(x, training=False)
    assert cut(model)[0].output.shape == (None, BASES[FAMILIES[family]].feature_size)
    for part in ("none", BASES[FAMILIES[family]].stage):
        set_trainable(model, part)
        prefix, suffix = cut(model)
        assert not prefix.trainable_weights
        pieces = suffix(prefix(x, training=False), training=False)
        np.testing.assert_allclose(pieces, whole, rtol=1e-5, atol=1e-6)
        assert {id(w) for w in prefix.weights} | {id(w) for w in suffix.weights} == {
            id(w) for w in model.weights
        }


def test_a_frozen_base_with_dropout_of_its_own_is_still_while_training():
    model = tiny("efficientnet_b0")
    shake_norms(model)
    x = images(model)
    stages = [name for name, _ in BASES["efficientnet_b0"].stages]

    def answers_alike():
        said = [np.asarray(model(x, training=training)) for training in (True, False)]
        return np.allclose(*said, atol=1e-6)

    assert answers_alike()
    set_trainable(model, stages[-3])
    assert not answers_alike()  # what trains has its dropout back
    set_trainable(model, "none")
    assert answers_alike()


def test_every_clean_cut_of_a_residual_network_splits_it():
    keras = load_keras()
    model = tiny()
    shake_norms(model)
    x = images(model)
    whole = np.asarray(model(x, training=False))
    cuts = clean_cuts(model)
    assert 60 < len(cuts) < len(model.operations)  # residual blocks have no clean place inside
    for position in cuts[1:-1:7]:
        tensor = model.operations[position].output
        prefix, suffix = keras.Model(model.input, tensor), keras.Model(tensor, model.output)
        assert (np.asarray(suffix(prefix(x, training=False), training=False)) == whole).all()


def test_a_cut_lies_below_dropout_and_at_the_input_when_all_trains():
    model = tiny(hidden_units=(8,), dropout=0.5)
    assert cut(model)[0].layers[-1].name == "pool"
    set_trainable(model, "all")
    assert cut(model)[0].output.shape[1:] == (32, 32, 3)


@pytest.mark.parametrize(
    ("part", "expected"),
    [("none", 0), ("last:3", 1), ("all", 52)],
)
def test_counts_of_trainable_layers(part, expected):
    model = tiny()
    set_trainable(model, part)
    found = sum(1 for layer in base_layers(model) if layer.trainable_weights)
    assert found == expected


def test_batch_norms_train_when_asked():
    model = tiny()
    set_trainable(model, "all", batch_norm=True)
    assert all(layer.trainable for layer in base_layers(model))


@pytest.mark.parametrize(
    ("part", "message"),
    [("blok_13", "unknown part.*block_13"), ("last:x", "last:N needs a whole number")],
)
def test_refuses_parts_that_are_none(part, message):
    with pytest.raises(UserError, match=message):
        set_trainable(tiny(), part)


def test_the_classic_head_on_flattened_vgg16():
    model = build_model(
        "vgg16", "classification", 2, (64, 64), 0.5, pooling="flatten", weights="none"
    )
    assert model.get_layer("pool").output.shape == (None, 7 * 7 * 512)
    names = [layer.name for layer in model.layers][-7:]
    assert names == ["dropout", "hidden_1", "dropout_1", "hidden_2", "dropout_2", "head", "output"]


@pytest.mark.parametrize(
    ("task", "low", "high", "total"),
    [("classification", 0, 1, 1.0), ("multilabel", 0, 1, None), ("regression", -1e9, 1e9, None)],
)
def test_outputs_of_each_task(task, low, high, total):
    scale = {"scale": (2.0, 3.0), "offset": (10.0, 20.0)} if task == "regression" else {}
    kind = find_task(task).from_outputs(("a", "b"), **scale)
    model = build_model(SMALL, kind, image_size=32, weights="none")
    predictions = np.asarray(model(images(model)))
    assert predictions.shape == (4, 2)
    assert ((predictions >= low) & (predictions <= high)).all()
    if total:
        np.testing.assert_allclose(predictions.sum(axis=1), total, rtol=1e-5)
    if task == "regression":
        model.get_layer("head").set_weights([np.zeros((1280, 2)), np.ones(2)])
        np.testing.assert_allclose(model(images(model)), [[12.0, 23.0]] * 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "mean"}, "unknown pooling"),
        ({"task": "sorting"}, "unknown task"),
        ({"outputs": 0}, "at least one output"),
        ({"base": "vgg61"}, "unknown base"),
    ],
)
def test_refuses_settings(settings, message):
    with pytest.raises(UserError, match=message):
        build_model(**{"base": SMALL, "weights": "none", **settings})
