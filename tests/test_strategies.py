"""Heads that are solved, loops that train, and which of both is kept."""

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.backend import load_keras, set_seed
from keras_transfer.config import make_config
from keras_transfer.data.dataset import draw_holdout, make_dataset
from keras_transfer.data.examples import Examples
from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.errors import UserError
from keras_transfer.features.predicting import predict_with_features
from keras_transfer.features.store import FeatureStore
from keras_transfer.model.factory import build_model
from keras_transfer.strategies import check_strategy, facts_of, find_strategy
from keras_transfer.strategies.common import recipes
from keras_transfer.strategies.common.inputs import StoredInputs, views_of
from keras_transfer.strategies.common.judging import (
    Judgement,
    clearly_better,
    judge,
)
from keras_transfer.strategies.common.temperature import set_temperature
from keras_transfer.tasks import make_task
from keras_transfer.tasks.classification import Classification
from tests.support.drawing import KINDS, draw
from tests.support.tiny import image_spec

SMALL = "mobilenet_v2_0.35"


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 8.0), st.integers(0, 1000))
def test_a_temperature_changes_how_sure_never_what(temperature, seed):
    generator = np.random.default_rng(seed)
    task = make_task("classification", list("abc"), np.ones(3, bool))
    predictions = generator.dirichlet([1.0, 1.0, 1.0], 20)
    changed = task.tempered(predictions, temperature)
    assert (changed.argmax(axis=1) == predictions.argmax(axis=1)).all()
    np.testing.assert_allclose(changed.sum(axis=1), 1.0)
    targets = generator.integers(0, 3, 20)
    found = judge(task, targets, predictions)
    set_right = task.log_losses(targets, task.tempered(predictions, found.temperature)).mean()
    assert set_right <= task.log_losses(targets, predictions).mean() + 1e-9
    assert 0 <= found.loss <= 2


def test_too_sure_predictions_are_judged_by_their_order():
    task = make_task("classification", list("ab"), np.ones(2, bool))
    targets = np.array([0, 1] * 20)
    right = np.eye(2)[targets]
    right[:4] = right[:4, ::-1]  # 10 % wrong
    sure, modest = np.clip(right, 0.001, 0.999), np.clip(right, 0.45, 0.55)
    judged = judge(task, targets, sure)
    assert judged.temperature > 2
    assert judged.metric == 0.9
    assert judged.loss < judge(task, targets, modest).loss


def test_better_is_clear_only_beyond_chance():
    errors = np.random.default_rng(0).uniform(0, 1, 100)
    head = Judgement(errors.mean(), 1.0, 0.5, errors)
    little = head._replace(errors=errors + np.where(np.arange(100) % 2, 0.3, -0.31))
    much = head._replace(errors=errors - np.where(np.arange(100) % 2, 0.0, 0.2))
    assert not clearly_better(little, head)
    assert clearly_better(much, head)
    assert not clearly_better(head, much)
    lost = head._replace(errors=np.full(100, np.nan))
    assert not clearly_better(lost, head)


def test_the_temperature_is_folded_into_the_head():
    model = build_model(SMALL, "classification", 3, image_size=32, weights="none")
    pixels = np.random.default_rng(0).uniform(0, 255, (5, 32, 32, 3)).astype(np.float32)
    task = make_task("classification", list("abc"), np.ones(3, bool))
    before = np.asarray(model(pixels))
    set_temperature(model, 3.0)
    np.testing.assert_allclose(np.asarray(model(pixels)), task.tempered(before, 3.0), rtol=1e-4)


def tiny_dataset(per_kind=14, size=32, splits=("train", "val")):
    import pandas as pd

    rows, pixels = [], []
    for split in splits:
        for kind in KINDS:
            for number in range(per_kind):
                rows.append({"label": kind, "split": split, "group": "", "path": str(len(rows))})
                pixels.append(draw(kind, number + 100 * splits.index(split), size))
    hashes = [sha256(example.tobytes()).hexdigest() for example in pixels]
    table = pd.DataFrame(rows).assign(shown=lambda t: t["path"], sha256=hashes)
    examples = Examples(table, image_spec(size), table[:0], kept=np.stack(pixels))
    train = (table["split"] == "train").to_numpy()
    task = make_task("classification", list(table["label"]), train)
    return make_dataset(examples, task, draw_holdout(table, task, 0))


def trained(strategy, dataset=None, features=None, **knobs):
    """(Fitted, dataset) of a strategy on a tiny network without pretrained weights."""
    config = make_config(base=SMALL, weights="none", image_size=32, strategy=strategy, **knobs)
    dataset = dataset or tiny_dataset()
    set_seed(config.seed)
    head = (config.hidden_units, config.dropout)
    model = build_model(SMALL, dataset.task, 0, *head, image_size=32, weights="none")
    fitted = find_strategy(strategy).fit(model, dataset, features or FeatureStore(), config)
    return fitted, dataset


@pytest.mark.parametrize(
    ("strategy", "knobs"),
    [
        ("feature_extraction", {}),
        ("feature_extraction", {"hidden_units": (16,), "mixup": 0.2, "epochs": 4}),
        ("fine_tuning", {"trainable": "last:3", "mixup": 0.4, "epochs": 2}),
        ("feature_extraction", {"augment": "light", "views": 3}),
        ("feature_extraction", {"hidden_units": (16,), "dropout": 0.2, "epochs": 5}),
        ("fine_tuning", {"trainable": "all", "epochs": 2, "batch_norm": "frozen"}),
        ("fine_tuning", {"trainable": "last:6", "epochs": 3, "augment": "none"}),
    ],
)
def test_learns_and_repeats_exactly(strategy, knobs):
    store = FeatureStore()
    fitted, dataset = trained(strategy, features=store, **knobs)
    val = dataset.indices("val")
    predictions = predict_with_features(fitted.model, dataset, store, val)
    again, _ = trained(strategy, **knobs)
    for one, other in zip(fitted.model.get_weights(), again.model.get_weights(), strict=True):
        assert (one == other).all()
    assert len(fitted.history) == len(again.history)
    assert fitted.history
    if strategy == "feature_extraction" and not knobs.get("hidden_units"):
        assert dataset.task.metric(dataset.targets[val], predictions) > 0.6


def test_features_are_computed_once():
    dataset, store = tiny_dataset(), FeatureStore()
    fitted, _ = trained("feature_extraction", dataset, store)
    assert store.computed == len(dataset.indices("train"))
    for _ in range(2):
        predict_with_features(fitted.model, dataset, store, dataset.indices("val"))
        assert store.computed == len(dataset.examples)


def test_views_are_stored_beside_the_plain_image():
    dataset, store = tiny_dataset(), FeatureStore()
    trained("feature_extraction", dataset, store, augment="standard", views=3)
    assert store.computed == 3 * len(dataset.indices("train"))


@pytest.mark.parametrize("shuffled", [False, True])
def test_stored_and_unstored_training_see_the_same_views(shuffled):
    keras = load_keras()
    dataset = tiny_dataset(per_kind=6, splits=("train",))
    config = make_config(augment="light", views=4)
    views, indices = views_of("light", config, 64), np.arange(18)
    if shuffled:
        indices = np.random.default_rng(0).permutation(indices)
    pixels = keras.Input((32, 32, 3), name="pixels")
    same = keras.Model(pixels, keras.layers.Rescaling(1.0)(pixels), name="same_prefix")
    stored = StoredInputs(same, dataset, FeatureStore(), np.arange(18), views, np.arange(18))
    raw = RawInputs(dataset.examples, views)
    plain = dataset.examples.batch(indices)
    for epoch in (0, 1, 5):
        one, other = stored(indices, epoch), raw(indices, epoch)
        np.testing.assert_allclose(one, other, atol=1e-3)
        assert (np.abs(one - plain).max(axis=(1, 2, 3)) > 1).sum() >= 12  # a fourth is plain
        few = raw(indices[3:5], epoch)  # in another batch
        np.testing.assert_allclose(few, other[3:5], atol=1e-3)
    np.testing.assert_array_equal(stored(indices), plain)
    np.testing.assert_array_equal(raw(indices), plain)


def test_the_head_is_kept_when_tuning_harms():
    set_seed(0)
    dataset = tiny_dataset(per_kind=30)
    # fresh weights would not be compared with a head: pretend that they are pretrained
    config = make_config(
        base=SMALL,
        image_size=32,
        strategy="fine_tuning",
        trainable="last:4",
        learning_rate=3.0,
        epochs=2,
        augment="none",
    )
    model = build_model(SMALL, "classification", 3, image_size=32, weights="none")
    before = model.get_layer("Conv_1").get_weights()
    fitted = find_strategy("fine_tuning").fit(model, dataset, FeatureStore(), config)
    assert {row["kept"] for row in fitted.history} == {0.0}
    # of a whole schedule the last epoch is taken, whatever the holdout says
    assert [row["selected"] for row in fitted.history] == [False, True]
    assert (model.get_layer("Conv_1").get_weights()[0] == before[0]).all()
    assert fitted.selected_on == "train"
    assert 0 <= fitted.holdout_score <= 1


def test_val_selects_only_where_there_is_a_test():
    assert tiny_dataset(splits=("train", "val")).holdout.split == "train"
    both = tiny_dataset(splits=("train", "val", "test"))
    assert both.holdout.split == "val"
    assert (both.holdout.select == both.indices("val")).all()
    assert (both.holdout.fit == both.indices("train")).all()
    fit, select, _ = tiny_dataset(30, splits=("train",)).holdout
    assert len(select) == pytest.approx(18, abs=4)
    assert not set(fit) & set(select)


@pytest.mark.parametrize(
    ("knobs", "splits", "selected_on"),
    [
        ({}, ("train", "val", "test"), "train"),  # folds inside train
        ({"hidden_units": (8,), "epochs": 2}, ("train", "val", "test"), "val"),
        ({"hidden_units": (8,), "epochs": 2}, ("train", "val"), "train"),
    ],
)
def test_a_strategy_reports_what_selected(knobs, splits, selected_on):
    fitted, _ = trained("feature_extraction", tiny_dataset(6, splits=splits), **knobs)
    assert fitted.selected_on == selected_on
    assert (fitted.holdout_score is None) == (not knobs)


def test_a_budget_of_nothing_still_trains_one_epoch():
    knobs = {"trainable": "last:2", "epochs": 50, "time_budget": 0.0, "augment": "none"}
    assert len(trained("fine_tuning", **knobs)[0].history) == 1


def test_the_epoch_whose_weights_were_taken_is_marked():
    history = trained("feature_extraction", hidden_units=(8,), epochs=3)[0].history
    lowest = min(row["holdout_loss"] for row in history)
    assert [row["holdout_loss"] for row in history if row["selected"]] == [lowest]


def test_a_loss_that_is_no_number_is_an_error():
    dataset = tiny_dataset()
    broken = replace(dataset, task=_NoNumber(dataset.task.outputs))
    with pytest.raises(UserError, match=r"no finite number .*in step 1 of epoch 1.* 0\.0001"):
        trained("fine_tuning", broken, trainable="last:2", epochs=2, augment="none")


def test_a_loss_that_is_lost_later_keeps_the_last_good_weights(capsys):
    dataset = tiny_dataset()
    steps = -(-len(dataset.holdout.fit) // 32)
    broken = replace(dataset, task=_NoNumber(dataset.task.outputs))
    _NoNumber.good_steps = steps + 1
    knobs = {"trainable": "last:2", "epochs": 5, "augment": "none"}
    fitted, _ = trained("fine_tuning", broken, **knobs)
    _NoNumber.good_steps = 0
    assert len(fitted.history) == 2
    assert "in step 2 of epoch 2: the weights of epoch 1 are kept" in capsys.readouterr().err
    assert all(np.isfinite(weight).all() for weight in fitted.model.get_weights())


class _NoNumber(Classification):
    """A task whose loss is no number after some good steps."""

    good_steps = 0

    def loss(self, mixed=False, smoothing=0.0):
        keras, step = load_keras(), load_keras().Variable(0, dtype="int32", trainable=False)

        def broken(truth, prediction):
            step.assign_add(1)
            kept = keras.ops.where(step <= self.good_steps, 1.0, float("nan"))
            return keras.ops.mean(prediction, axis=-1) * kept

        return broken


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"dropout": 0.5}, "no meaning for a linear head"),
        ({"mixup": 0.2}, "no meaning for a linear head"),
        ({"hidden_units": (8,), "augment": "light"}, "features computed once"),
        ({"strategy": "fine_tuning", "trainable": "none"}, "trains part of the base"),
        ({"trainable": "all"}, "keeps the whole base"),
    ],
)
def test_settings_without_meaning_together_are_refused(knobs, message):
    with pytest.raises(UserError, match=message):
        check_strategy(make_config(**knobs))


@pytest.mark.parametrize(
    ("recipe", "examples", "epochs"),
    [
        (recipes.fine_tuning, 100_000, 10),
        (recipes.hidden_head, 100_000, 50),
        (recipes.from_scratch, 100_000, 60),
    ],
)
def test_recipes_give_small_sets_their_steps(recipe, examples, epochs):
    assert recipe(examples).epochs == recipe(examples, 32).epochs == epochs
    assert recipe(32, 32).epochs >= recipes.LEAST_STEPS


@given(st.integers(1, 5000))
def test_a_small_set_is_tuned_on_in_small_batches_for_enough_steps(examples):
    recipe = recipes.fine_tuning(examples)
    small = examples < recipes.SMALL_SET
    assert recipe.batch_size == (recipes.SMALL_BATCH if small else recipes.BATCH_SIZE)
    steps = recipe.epochs * -(-examples // recipe.batch_size)
    assert steps >= (recipes.SMALL_STEPS if small else recipes.LEAST_STEPS)
    assert recipe.epochs >= 3


@pytest.mark.parametrize(
    ("knobs", "first"), [({}, 1 / 3), ({"epochs": 6}, 1.0), ({"patience": 2}, 1.0)]
)
def test_the_training_that_only_selects_is_shorter_unless_the_user_asks(knobs, first):
    facts = facts_of(tiny_dataset(splits=("train",)))
    config = make_config(strategy="fine_tuning", **knobs)
    _, tuning, again = find_strategy("fine_tuning").stages(facts, config)
    assert tuning.epochs == np.ceil(first * again.epochs)
    assert tuning.views == again.views


def test_a_loss_that_is_lost_on_the_holdout_alone_is_named_so():
    dataset = tiny_dataset()
    broken = replace(dataset, task=_LostOnHoldout(dataset.task.outputs))
    with pytest.raises(UserError, match="on the holdout after epoch 1"):
        trained("fine_tuning", broken, trainable="last:2", epochs=2, augment="none")


class _LostOnHoldout(Classification):
    """A task whose judgement is no number, while its loss in training is."""

    def brier_scores(self, targets, predictions):
        return np.full(len(targets), np.nan)


def test_a_whole_base_is_not_tuned_in_small_batches():
    facts = facts_of(tiny_dataset(splits=("train",)))
    config = make_config(strategy="fine_tuning", trainable="all")
    _, tuning, again = find_strategy("fine_tuning").stages(facts, config)
    assert tuning.epochs == again.epochs
    assert tuning.recipe.batch_size == recipes.BATCH_SIZE
