"""Prototypical networks and MAML on tiny real things, from a loss to a run with its exports."""

from dataclasses import replace

import numpy as np
import pytest

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.bases.build import build_base
from keras_transfer.config import make_config
from keras_transfer.data.class_splits import divide
from keras_transfer.data.dataset import dataset_of_new_classes, draw_holdout, make_dataset
from keras_transfer.data.episode_batches import Episode
from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.errors import UserError
from keras_transfer.features.store import FeatureStore
from keras_transfer.model.factory import build_for, build_model
from keras_transfer.model.pooled import pooled_features
from keras_transfer.strategies import Facts, find_strategy
from keras_transfer.strategies.common.batch_statistics import (
    estimate_statistics,
)
from keras_transfer.strategies.common.episodes import train_pool, val_pool
from keras_transfer.strategies.common.prototypes import (
    episode_scores,
    prototype_head,
    prototype_logits,
)
from keras_transfer.tasks import find_task, make_task
from keras_transfer.train import transfer
from tests.support.drawing import plant_classes
from tests.test_model import shake_norms
from tests.test_strategies import SMALL, tiny_dataset

TINY = {"base": "conv4", "augment": "none"}
SHORT = {"ways": 3, "queries": 2, "train_episodes": 8, "export": False, "report": False}


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


def test_the_head_predicts_the_nearest_mean():
    generator = np.random.default_rng(0)
    numbers = np.repeat([0, 1, 2], 10)
    features = generator.normal(0, 1, (30, 5)) + 2 * np.eye(5)[numbers]
    kernel, bias = prototype_head(features, numbers, find_task("classification")(tuple("abc")))
    new = generator.normal(0, 3, (200, 5))
    means = np.array([features[numbers == n].mean(axis=0) for n in range(3)])
    far = ((new[:, None] - means) ** 2).sum(axis=-1)
    assert (far.argmin(axis=1) == (new @ kernel + bias).argmax(axis=1)).all()


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
        ({"augment": "crop"}, "for frozen bases"),
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
