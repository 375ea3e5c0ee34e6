"""Heads that are solved, loops that train, and which of both is kept."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.config import make_config
from keras_transfer.data.examples import Examples
from keras_transfer.errors import UserError
from keras_transfer.model.factory import build_model
from keras_transfer.strategies import check_strategy, find_strategy, recipes
from keras_transfer.strategies.dataset import Dataset
from keras_transfer.strategies.judging import (
    Judgement,
    clearly_better,
    judge,
    set_temperature,
    tempered,
)
from keras_transfer.tasks import make_task
from tests.conftest import KINDS, draw

SMALL = "mobilenet_v2_0.35"


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 8.0), st.integers(0, 1000))
def test_a_temperature_changes_how_sure_never_what(temperature, seed):
    generator = np.random.default_rng(seed)
    task = make_task("classification", list("abc"), np.ones(3, bool))
    predictions = generator.dirichlet([1.0, 1.0, 1.0], 20)
    changed = tempered(task, predictions, temperature)
    assert (changed.argmax(axis=1) == predictions.argmax(axis=1)).all()
    np.testing.assert_allclose(changed.sum(axis=1), 1.0)
    targets = generator.integers(0, 3, 20)
    found = judge(task, targets, predictions)
    set_right = task.log_losses(targets, tempered(task, predictions, found.temperature)).mean()
    assert set_right <= task.log_losses(targets, predictions).mean() + 1e-9
    assert 0 <= found.loss <= 2


def test_too_sure_answers_are_judged_by_their_order():
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
    np.testing.assert_allclose(np.asarray(model(pixels)), tempered(task, before, 3.0), rtol=1e-4)


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
    examples = Examples(table, size, "squeeze", 10**8, table[:0], pixels=np.stack(pixels))
    train = (table["split"] == "train").to_numpy()
    task = make_task("classification", list(table["label"]), train)
    return Dataset(examples, task, task.encode(list(table["label"])))


def trained(strategy, dataset=None, **knobs):
    from keras_transfer.backend import set_seed

    config = make_config(base=SMALL, weights="none", image_size=32, strategy=strategy, **knobs)
    dataset = dataset or tiny_dataset()
    set_seed(config.seed)
    model = build_model(
        SMALL,
        "classification",
        3,
        config.hidden_units,
        config.dropout,
        image_size=32,
        weights="none",
    )
    model, history = find_strategy(strategy)(model, dataset, config)
    return model, history, dataset


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
    model, history, dataset = trained(strategy, **knobs)
    rows = dataset.rows("val")
    predictions = dataset.predict_arrays(model, rows)
    again, history_again, _ = trained(strategy, **knobs)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        assert (one == other).all()
    assert len(history) == len(history_again)
    assert history
    if strategy == "feature_extraction" and not knobs.get("hidden_units"):
        assert dataset.task.metric(dataset.targets[rows], predictions) > 0.6


def test_features_are_computed_once():
    dataset = tiny_dataset()
    model, _, _ = trained("feature_extraction", dataset)
    assert dataset.store.computed == len(dataset.rows("train"))
    dataset.predict_arrays(model, dataset.rows("val"))
    assert dataset.store.computed == len(dataset.examples)
    dataset.predict_arrays(model, dataset.rows("val"))
    assert dataset.store.computed == len(dataset.examples)


def test_views_are_stored_beside_the_plain_example():
    dataset = tiny_dataset()
    trained("feature_extraction", dataset, augment="standard", views=3)
    assert dataset.store.computed == 3 * len(dataset.rows("train"))


def test_the_head_is_kept_when_tuning_harms():
    dataset = tiny_dataset()
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
    model, history = find_strategy("fine_tuning")(model, dataset, config)
    assert {row["kept"] for row in history} == {0.0}
    assert (model.get_layer("Conv_1").get_weights()[0] == before[0]).all()


def test_val_chooses_only_where_there_is_a_test():
    _, holdout, is_val = tiny_dataset(splits=("train", "val")).split_holdout(0)
    assert not is_val
    both = tiny_dataset(splits=("train", "val", "test"))
    fit, holdout, is_val = both.split_holdout(0)
    assert is_val
    assert (holdout == both.rows("val")).all()
    assert (fit == both.rows("train")).all()
    fit, holdout, is_val = tiny_dataset(30, splits=("train",)).split_holdout(0)
    assert len(holdout) == pytest.approx(18, abs=4)
    assert not set(fit) & set(holdout)


def test_a_budget_of_nothing_still_trains_one_epoch():
    _, history, _ = trained(
        "fine_tuning", trainable="last:2", epochs=50, time_budget=0.0, augment="none"
    )
    assert len(history) == 1


def test_a_loss_that_is_no_number_is_said():
    with pytest.raises(UserError, match="the loss is no number"):
        trained("fine_tuning", without_a_loss(), trainable="last:2", epochs=2, augment="none")


def without_a_loss():
    dataset = tiny_dataset()
    return Dataset(dataset.examples, _NoNumber(dataset.task), dataset.targets)


class _NoNumber:
    """A task whose loss is no number."""

    def __init__(self, task):
        self.task = task

    def __getattr__(self, name):
        return getattr(self.task, name)

    def loss(self, keras, one_hot=False):
        return lambda truth, prediction: keras.ops.sum(prediction, axis=-1) * float("nan")


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
    assert recipe(examples, 32).epochs == epochs
    assert recipe(32, 32).epochs >= recipes.LEAST_STEPS
