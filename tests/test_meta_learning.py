"""Episodes, prototypical networks and MAML on tiny real things."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.bases.build import build_base
from keras_transfer.config import make_config
from keras_transfer.data.class_splits import divide
from keras_transfer.data.dataset import dataset_of_new_classes, draw_holdout, make_dataset
from keras_transfer.data.episode_batches import ClassPool, Episode, class_pool, episode_batches
from keras_transfer.data.examples import read_examples
from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from keras_transfer.features.store import FeatureStore
from keras_transfer.inputs.image.augmentation import AUGMENTATIONS, augment, draw, rotate
from keras_transfer.model.factory import build_for, build_model
from keras_transfer.model.pooled import pooled_features
from keras_transfer.strategies import Facts, find_strategy
from keras_transfer.strategies.common.batch_statistics import (
    estimate_statistics,
    momentum,
    trained_norms,
    twice_differentiable,
)
from keras_transfer.strategies.common.episodes import train_pool, val_pool
from keras_transfer.strategies.common.prototypes import (
    episode_scores,
    prototype_head,
    prototype_logits,
)
from keras_transfer.strategies.maml import MamlLearner
from keras_transfer.tasks import find_task, make_task
from keras_transfer.train import transfer
from tests.support.drawing import plant_classes
from tests.support.tiny import image_spec
from tests.test_model import shake_norms
from tests.test_strategies import SMALL, tiny_dataset

TINY = {"base": "conv4", "augment": "none"}
SHORT = {"ways": 3, "queries": 2, "train_episodes": 8, "export": False, "report": False}


# --- episodes


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 12), min_size=1, max_size=12),
    groups=st.integers(1, 3),
    ways=st.integers(2, 8),
    shots=st.integers(1, 3),
    queries=st.integers(1, 3),
    rotations=st.sampled_from([1, 4]),
    seed=st.integers(0, 2**16),
)
def test_an_episode_has_distinct_classes_and_no_example_twice(
    sizes, groups, ways, shots, queries, rotations, seed
):
    ends = np.cumsum([0, *sizes])
    members = [np.arange(a, b) for a, b in itertools.pairwise(ends)]
    names = [f"group {number % groups}" for number in range(len(sizes))]
    episode = Episode(ways, shots, queries, rotations)
    there = sum(min(rotations, size // episode.size) for size in sizes)
    if there < ways:
        with pytest.raises(UserError, match=r"an episode of \d+ classes needs"):
            ClassPool(members, names, episode)
        return
    pool = ClassPool(members, names, episode)
    for _ in range(5):
        indices, turns = pool.draw(np.random.default_rng(seed))
        assert indices.shape == (ways, shots + queries)
        assert len(np.unique(indices)) == indices.size  # nothing is asked that was shown
        classes = np.searchsorted(ends, indices, side="right") - 1
        assert (classes == classes[:, :1]).all()
        assert len(set(zip(classes[:, 0], turns, strict=True))) == ways
        assert set(turns) <= set(range(rotations))


def test_half_of_the_episodes_lie_within_one_group():
    members = [np.arange(4) + 4 * number for number in range(30)]
    pool = ClassPool(members, [f"group {n % 3}" for n in range(30)], Episode(5, 1, 1))
    generator = np.random.default_rng(0)
    drawn = [pool.draw(generator)[0][:, 0] // 4 % 3 for _ in range(400)]
    assert 0.4 < np.mean([len(set(groups)) == 1 for groups in drawn]) < 0.6
    alone = ClassPool(members, [""] * 30, Episode(5, 1, 1))
    assert alone.groups == []


def test_groups_come_from_the_column_class_group():
    dataset = tiny_dataset(per_kind=4, splits=("train",))
    train = dataset.indices("train")
    assert class_pool(dataset, train, Episode(2, 1, 1)).groups == []
    names = np.array(["warm", "cold", "cold"])[dataset.targets]
    table = dataset.examples.table.assign(class_group=names)
    grouped = replace(dataset, examples=replace(dataset.examples, table=table))
    assert [list(g) for g in class_pool(grouped, train, Episode(2, 1, 1)).groups] == [[1, 2]]
    assert class_pool(grouped, train, Episode(3, 1, 1)).groups == []  # none has three classes


def batches_of(dataset, episode, seed=0, steps=3, a_step=2):
    pool = class_pool(dataset, dataset.indices("train"), episode)
    source = RawInputs(dataset.examples, [None]).source([((32, 32, 3), "float32")])
    asked = (source, pool, a_step, steps, seed, dataset.examples.modality)
    return [inputs[0].numpy() for inputs in episode_batches(*asked)]


def test_batches_are_those_of_the_seed_and_rotations_are_new_classes():
    dataset = tiny_dataset(per_kind=8, splits=("train",))
    first, again, other = (batches_of(dataset, Episode(3, 1, 1), seed) for seed in (0, 0, 1))
    assert first[0].shape == (2 * 3 * 2, 32, 32, 3)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    with pytest.raises(UserError, match=r"episode of 5 classes .*3 of 3 classes"):
        batches_of(dataset, Episode(5, 1, 1))
    turned = batches_of(dataset, Episode(12, 1, 1, 4), steps=1)[0]  # as many as there are
    raw = dataset.examples.batch(dataset.indices("train")).astype(np.float32)
    ways = {np.rot90(one, turn).tobytes(): turn for one in raw for turn in range(4)}
    found = np.array([ways[one.tobytes()] for one in turned]).reshape(2, 12, 2)
    assert (found[..., 0] == found[..., 1]).all()  # a class is turned alike
    assert (np.sort(found[..., 0]) == np.repeat(range(4), 3)).all()


def test_rotation_is_numpys():
    pixels = np.random.default_rng(0).uniform(0, 255, (4, 6, 6, 3)).astype(np.float32)
    turned = rotate(pixels, np.arange(4, dtype=np.int32)).numpy()
    for one, (before, after) in enumerate(zip(pixels, turned, strict=True)):
        assert (after == np.rot90(before, one)).all()


def test_drawings_keep_their_ground_and_their_strokes():
    pixels = np.full((3, 28, 28, 3), 240, np.float32)
    pixels[1] = 30  # white on black
    pixels[0, 10:18, 12:16], pixels[1, 10:18, 12:16] = 10, 250
    draws = draw(0, 1, [1, 2, 3])
    changed = augment(pixels, draws, AUGMENTATIONS["drawing"]).numpy()
    for one, ground in zip(changed, (240, 30, 240), strict=True):
        assert np.abs(one[[0, -1]] - ground).max() < 1e-3
    assert changed[2] == pytest.approx(240, abs=1e-3)  # no stroke, no change
    assert (changed[0] != pixels[0]).any()
    assert np.abs(changed[0] - 240).sum() == pytest.approx(230 * 32 * 3, rel=0.45)


# --- prototypes


def test_the_loss_of_prototypes_is_that_of_numpy():
    features = np.random.default_rng(0).normal(size=(2, 4, 5, 6))
    logits = prototype_logits(load_tensorflow().constant(features), 2).numpy()
    losses, hits = [], []
    for episode, found in zip(features, logits, strict=True):
        prototypes = episode[:, :2].mean(axis=1)
        for number, queries in enumerate(episode[:, 2:]):
            for query, row in zip(queries, found[number], strict=True):
                far = ((query - prototypes) ** 2).sum(axis=1)
                np.testing.assert_allclose(row, -far, atol=1e-10)
                losses.append(far[number] + np.log(np.exp(-far).sum()))
                hits.append(far.argmin() == number)
    loss, accuracy = episode_scores(load_tensorflow().constant(logits))
    assert float(loss) == pytest.approx(np.mean(losses))
    assert float(accuracy) == pytest.approx(np.mean(hits))


def test_the_head_predicts_the_nearest_mean_and_never_a_class_without_examples():
    generator = np.random.default_rng(0)
    numbers = np.repeat([0, 1, 3], 10)
    features = generator.normal(0, 1, (30, 5)) + 2 * np.eye(5)[numbers]
    kernel, bias = prototype_head(features, numbers, find_task("classification")(tuple("abcd")))
    new = generator.normal(0, 3, (200, 5))
    means = np.array([features[numbers == n].mean(axis=0) for n in (0, 1, 3)])
    far = ((new[:, None] - means) ** 2).sum(axis=-1)
    assert (np.array([0, 1, 3])[far.argmin(axis=1)] == (new @ kernel + bias).argmax(axis=1)).all()
    assert np.isfinite(kernel).all()
    assert np.isfinite(bias).all()


# --- MAML


def tiny_network():
    """Smooth, in float64: what finite differences need."""
    keras = load_keras()
    keras.utils.set_random_seed(0)
    layers = keras.layers
    pixels = keras.Input((4, 4, 1), dtype="float64")
    x = layers.Conv2D(3, 3, padding="same", use_bias=False, dtype="float64")(pixels)
    x = layers.BatchNormalization(dtype="float64")(x)
    x = layers.Activation("tanh", dtype="float64")(x)
    x = layers.GlobalAveragePooling2D(name="pool", dtype="float64")(x)
    return keras.Model(pixels, layers.Dense(2, name="head", dtype="float64")(x))


def gradients_of(network, **knobs):
    """(learner, an episode's inputs, its gradients) with two inner steps."""
    config = make_config(strategy="maml", **{"inner_steps": 2, **knobs})
    learner = MamlLearner(network, Episode(2, 2, 3), config)
    pixels = np.random.default_rng(0).normal(size=(10, 4, 4, 1))
    learner.head[0].assign(np.random.default_rng(2).normal(size=(3, 2)))  # as if it had learned
    inputs = [load_tensorflow().constant(pixels)]
    return learner, inputs, [np.asarray(g) for g in learner.gradient(inputs)[2]]


@pytest.fixture
def network():
    made = tiny_network()
    norms = trained_norms(made)
    with momentum(norms, 0.0), twice_differentiable(norms):
        yield made


@pytest.mark.parametrize("statistics", ["query", "support"])
@pytest.mark.parametrize("inner", ["all", "head"])
def test_the_gradient_of_maml_is_that_of_finite_differences(network, statistics, inner):
    learner, inputs, gradients = gradients_of(network, statistics=statistics, inner=inner)
    step, generator = 1e-6, np.random.default_rng(1)
    for variable, gradient in zip(learner.variables, gradients, strict=True):
        value, direction = variable.numpy(), generator.normal(size=variable.shape)
        losses = []
        for sign in (1, -1):
            variable.assign(value + sign * step * direction)
            losses.append(float(learner.gradient(inputs)[0]))
        variable.assign(value)
        slope = (losses[0] - losses[1]) / (2 * step)
        assert slope == pytest.approx((gradient * direction).sum(), abs=1e-8)


def test_first_order_is_another_gradient_of_the_same_loss(network):
    learner, inputs, exact = gradients_of(network)
    other, _, rough = gradients_of(network, first_order=True)
    assert float(learner.gradient(inputs)[0]) == pytest.approx(float(other.gradient(inputs)[0]))
    assert max(np.abs(a - b).max() for a, b in zip(exact, rough, strict=True)) > 1e-4


@pytest.mark.parametrize(("inner", "moves"), [("all", True), ("head", False)])
def test_anil_moves_only_the_head_inside_an_episode(network, inner, moves):
    learner, inputs, _ = gradients_of(network, inner=inner)
    body = [variable.value for variable in learner.embedding.trainable_variables]
    head = [variable.value for variable in learner.head]
    support, _ = learner._split(inputs, 2)
    body_after, head_after = learner._inner_step(body, head, support, learner._labels(2))
    moved = [bool(np.any(a != b)) for a, b in zip(body, body_after, strict=True)]
    assert any(moved) == moves
    assert all(np.any(a != b) for a, b in zip(head, head_after, strict=True))


def test_statistics_of_the_support_set_predict_each_example_on_its_own(network):
    alike = {}
    for statistics in ("support", "query"):
        learner, inputs, _ = gradients_of(network, statistics=statistics)
        support, queries = learner._split(inputs, 2)
        labels = learner._labels(2)
        whole = learner._adapted_logits(support, queries, labels).numpy()
        alone = learner._adapted_logits(support, [queries[0][:1]], labels).numpy()
        alike[statistics] = np.allclose(whole[:1], alone, atol=1e-10)
    assert alike == {"support": True, "query": False}


# --- whole trainings


def fitted_with(dataset, strategy, **knobs):
    load_keras().utils.set_random_seed(0)
    config = make_config(strategy=strategy, **{**TINY, **knobs})
    model = build_for(dataset, config)
    return find_strategy(strategy).fit(model, dataset, FeatureStore(), config)


def test_statistics_are_those_of_training_examples():
    dataset = tiny_dataset(per_kind=20, splits=("train",))
    model = build_model("conv4", dataset.task, image_size=32)
    for layer in model.layers:
        layer.trainable = True
    train = dataset.indices("train")
    before = model.get_weights()
    estimate_statistics(model, RawInputs(dataset.examples, [None]), train)
    raw = dataset.examples.batch(train).astype(np.float32)
    norm = model.get_layer("block1_bn")
    seen = load_keras().Model(model.input, norm.input).predict(raw, verbose=0)
    np.testing.assert_allclose(norm.moving_mean, seen.mean(axis=(0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, seen.var(axis=(0, 1, 2)), atol=1e-4)
    assert norm.momentum == 0.99
    moved = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
    assert sum(moved) == 2 * 4  # of four norms, and nothing else


@pytest.mark.parametrize(
    ("strategy", "knobs"),
    [
        ("protonet", {"train_episodes": 60}),
        ("maml", {"train_episodes": 160, "episodes_a_step": 4, "inner_rate": 0.1}),
        ("maml", {"train_episodes": 160, "episodes_a_step": 4, "inner": "head"}),
    ],
)
def test_training_raises_the_accuracy_of_episodes(strategy, knobs):
    dataset = tiny_dataset(per_kind=12)
    asked = {"ways": 3, "queries": 2, "learning_rate": 3e-3}
    fitted = fitted_with(dataset, strategy, rotate_classes=True, **asked, **knobs)
    assert fitted.selected_on == "train"
    assert fitted.unseen is None
    row = fitted.history[-1]
    assert row["episodes"] == knobs["train_episodes"]
    assert row["selected"]
    assert row["accuracy"] > 0.75  # a third by chance; four in ten of the first ones


def test_a_pretrained_base_trains_its_part_alone_from_the_store():
    dataset = tiny_dataset(per_kind=6)
    config = make_config(strategy="protonet", base="mobilenet_v2_0.35", weights="none", **SHORT)
    config = replace(config, trainable="block_16", batch_norm="frozen", augment="none")
    model = build_for(dataset, config)
    shake_norms(model)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    find_strategy("protonet").fit(model, dataset, FeatureStore(), config)
    moved = {
        name
        for name, weights in before.items()
        if any(
            (a != b).any()
            for a, b in zip(weights, model.get_layer(name).get_weights(), strict=True)
        )
    }
    assert "head" in moved
    assert moved - {"head"}
    assert all(name.startswith(("block_16", "Conv_1")) for name in moved - {"head"})


def with_classes_of_val():
    """Four classes of train, and two of val."""
    dataset = tiny_dataset(per_kind=8, splits=("train",))
    parity = np.arange(len(dataset.examples)) % 2
    labels = [f"{k} {p}" for k, p in zip(dataset.examples.table["label"], parity, strict=True)]
    splits = np.where(dataset.targets == 2, "val", "train")
    table = dataset.examples.table.assign(label=labels, split=splits)
    config = make_config(split_by="class")
    examples, new_classes = divide(replace(dataset.examples, table=table), config)
    labels = list(examples.table["label"])
    task = make_task("classification", labels, np.ones(len(labels), bool))
    holdout = draw_holdout(examples.table, task, 0)
    return replace(make_dataset(examples, task, holdout), new_classes=new_classes)


STORED = {"base": SMALL, "weights": "none", "trainable": "block_16", "augment": "light", "views": 2}


@pytest.mark.parametrize(
    ("strategy", "knobs"),
    [
        ("protonet", {"rotate_classes": True}),
        ("maml", {"rotate_classes": True}),
        ("protonet", STORED),  # both the part of val and that of train lie in the store
    ],
)
def test_classes_of_val_that_train_lacks_select(strategy, knobs):
    dataset = with_classes_of_val()
    pool = val_pool(dataset_of_new_classes(dataset, "val"), Episode(3, 1, 2, 4))
    assert (pool.episode.ways, pool.episode.rotations) == (2, 1)
    asked = {"ways": 3, "queries": 2, "train_episodes": 250}
    fitted = fitted_with(dataset, strategy, **asked, **knobs)
    assert fitted.selected_on == "val"
    best = [row for row in fitted.history if row["selected"]]
    assert len(best) == 1
    assert best[0]["val_accuracy"] == max(row["val_accuracy"] for row in fitted.history)
    assert (
        val_pool(dataset_of_new_classes(tiny_dataset(per_kind=3), "val"), Episode(3, 1, 2)) is None
    )


def test_episodes_from_files_are_those_from_memory(tmp_path):
    photos = plant_classes(tmp_path, 4)
    examples = read_examples(read_source(photos, "auto", "image"), image_spec(32))
    task = make_task("classification", list(examples.table["label"]), np.ones(12, bool))
    table = examples.table.assign(split="train")
    examples = replace(examples, table=table)
    found = []
    for some in (examples, replace(examples, kept=None, there=None)):
        found.append(batches_of(make_dataset(some, task, None), Episode(6, 1, 1, 4)))
    assert all((a == b).all() for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("strategy", ["protonet", "maml"])
def test_a_loss_that_is_no_number_is_one_line(strategy):
    dataset = tiny_dataset(per_kind=6)
    config = make_config(strategy=strategy, **{**TINY, **SHORT})
    model = build_for(dataset, config)
    model.get_layer("block1_conv").set_weights([np.full((3, 3, 3, 64), np.nan)])
    with pytest.raises(UserError, match=r"no finite number .*in step 1, .*--learning-rate 0.0002"):
        find_strategy(strategy).fit(model, dataset, FeatureStore(), config)


def test_time_is_kept():
    dataset = tiny_dataset(per_kind=6)
    asked = {"ways": 3, "queries": 2, "train_episodes": 100_000}
    fitted = fitted_with(dataset, "protonet", time_budget=1e-4, **asked)
    assert [row["episodes"] for row in fitted.history] == [1]


def test_the_plan_of_episodes_names_what_trains():
    facts = Facts(100, 80, 64, "train", find_task("classification")(tuple("abcde")))
    asked = {"ways": 4, "shots": 2, "queries": 3, "train_episodes": 10, "episodes_a_step": 4}
    (stage,) = find_strategy("maml").stages(facts, make_config(strategy="maml", **TINY, **asked))
    assert (stage.part, stage.batch_norm, stage.views) == ("all", True, [None])
    assert (stage.epochs, stage.examples) == (3, 4 * 4 * 5)
    (stage,) = find_strategy("protonet").stages(facts, make_config(strategy="protonet", **asked))
    assert (stage.part, stage.batch_norm, len(stage.views)) == ("block6", False, 3)


@pytest.mark.parametrize(
    ("knobs", "line"),
    [
        ({"trainable": "none"}, "meta-learning trains the base"),
        ({"hidden_units": (4,)}, "--hidden-units has no meaning"),
        ({"epochs": 3}, r"--epochs has no meaning .*--train-episodes"),
        ({"ways": 1}, "--ways is out of range"),
    ],
)
@pytest.mark.parametrize("strategy", ["protonet", "maml"])
def test_senseless_settings_are_refused(strategy, knobs, line, tmp_path):
    with pytest.raises(UserError, match=line):
        transfer(tmp_path, strategy=strategy, base="conv4", quiet=True, **knobs)


def test_labels_without_exclusive_classes_are_refused():
    dataset = tiny_dataset(per_kind=4)
    task = find_task("multilabel").from_outputs(("a", "b", "c"))
    several = replace(dataset, task=task, targets=np.eye(3)[dataset.targets])
    config = make_config(strategy="protonet", **TINY)
    with pytest.raises(UserError, match=r"one class an example .*multilabel"):
        train_pool(several, config, 5)


@pytest.mark.parametrize("strategy", ["protonet", "maml"])
def test_a_run_goes_the_whole_way_with_its_exports(tmp_path, strategy):
    photos = plant_classes(tmp_path)
    asked = {"train_episodes": 64, "ways": 3, "queries": 2, "image_size": 28, "quiet": True}
    run = transfer(photos, base="conv4", strategy=strategy, out=tmp_path / "run", **asked)
    assert run.info["selected_on"] == "train"
    assert run.metrics["splits"]["test"]["accuracy"]["value"] > 0.6
    files = run.certificate["files"]
    assert set(files) == {"saved_model", "tflite"}
    assert all(entry["passed"] for entry in files.values())
    assert (run.folder / "report.html").is_file()
    file = min((photos / "red").iterdir())
    first, second = run.predict(file), run.predict(file)
    assert first[0] == second[0]
    embedding = pooled_features(run.model)
    assert embedding.output_shape == (None, 64)
    base = build_base("conv4", weights=run.folder)  # what it learned begins another run
    for layer in base.layers:
        pairs = zip(layer.get_weights(), run.model.get_layer(layer.name).get_weights(), strict=True)
        assert all((one == other).all() for one, other in pairs)
