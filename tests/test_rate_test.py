"""The range test of learning rates: asked for, and before a training at an odd rate."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_transfer as kt
from keras_transfer.backend import load_keras, set_seed
from keras_transfer.cli.train import command_with_rate, main
from keras_transfer.config import make_config
from keras_transfer.data.pipeline import arrays_source
from keras_transfer.errors import UserError
from keras_transfer.features.store import FeatureStore
from keras_transfer.model.factory import build_model
from keras_transfer.strategies import find_strategy
from keras_transfer.strategies.common import gradient, rate_test
from keras_transfer.strategies.common.rate_test import (
    Training,
    analyse,
    narrowed,
    range_test,
    smooth,
)
from tests.test_strategies import SMALL, tiny_dataset, trained

TINY = {"base": SMALL, "weights": "none", "image_size": 32}
HIDDEN = {**TINY, "hidden_units": (16,)}


class Vectors:
    """Rows of an array as what a training is fed with."""

    def __init__(self, vectors):
        self.vectors = vectors

    def __call__(self, indices, epoch=None):
        return self.vectors[indices]

    def source(self, signature):
        return arrays_source(self, signature)


def first_training(strategy, **knobs):
    """(Training, config) on a tiny network."""
    config = make_config(**{**TINY, "batch_size": 32, "strategy": strategy, **knobs})
    dataset = tiny_dataset()
    set_seed(0)
    model = build_model(
        SMALL, dataset.task, 0, config.hidden_units, config.dropout, image_size=32, weights="none"
    )
    find = find_strategy(strategy).first_training
    return find(model, dataset, FeatureStore(), config), config


def run_test(training, config, **limits):
    network, fetch, dataset, _ = training
    return range_test(network, fetch, dataset, dataset.holdout.fit, config, **limits)


@pytest.mark.parametrize(
    ("strategy", "knobs"),
    [
        ("feature_extraction", {"hidden_units": (16,), "dropout": 0.3}),
        ("feature_extraction", {"hidden_units": (16,), "mixup": 0.2, "class_weight": "balanced"}),
        ("fine_tuning", {"trainable": "last:3", "dropout": 0.2, "batch_norm": "trained"}),
    ],
)
def test_all_weights_are_put_back_and_it_repeats_exactly(strategy, knobs):
    training, config = first_training(strategy, **knobs)
    variables = list(training.network.variables)
    before = [variable.numpy() for variable in variables]
    found = run_test(training, config)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)
    assert found == run_test(training, config)
    assert found == run_test(*first_training(strategy, **knobs))
    assert len(found.losses) > 20


def test_weights_are_put_back_where_it_is_interrupted(monkeypatch):
    training, config = first_training("feature_extraction", hidden_units=(16,))
    before = training.network.get_weights()

    def interrupt(losses):
        if len(losses) == 90:
            raise KeyboardInterrupt

    monkeypatch.setattr(rate_test, "_is_lost", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_test(training, config)
    for one, other in zip(before, training.network.get_weights(), strict=True):
        assert (one == other).all()


@pytest.fixture
def learner():
    """(Training, config) of a small network on vectors that it can tell apart."""
    keras = load_keras()
    keras.utils.set_random_seed(0)
    dataset = tiny_dataset()
    drawn = np.random.default_rng(0).normal(0, 0.6, (len(dataset.targets), 6))
    vectors = (drawn + np.eye(6)[dataset.targets]).astype(np.float32)
    layers = [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3, "softmax")]
    network = keras.Sequential([keras.Input((6,)), *layers])
    training = Training(network, Vectors(vectors), dataset, None)
    return training, make_config(batch_size=8)


def train(learner, rate, steps=60):
    """Train at one rate; the mean loss of the last steps."""
    (network, fetch, dataset, _), config = learner
    batches = rate_test._batches(network, fetch, dataset, dataset.holdout.fit, config, steps)
    return np.mean(rate_test._losses(network, batches, np.full(steps, rate))[0][-4:])


def test_what_is_suggested_trains_and_far_above_the_highest_stable_rate_nothing_does(learner):
    found = run_test(*learner)
    assert found.rose
    assert not found.fits
    suggested = found.suggested(1.0)
    assert 1e-4 < suggested < found.highest_stable < 1
    assert suggested == pytest.approx(found.highest_stable / 10, rel=0.5)
    start, weights = np.mean(found.losses[:4]), learner[0].network.get_weights()
    assert train(learner, suggested) < 0.7 * start
    learner[0].network.set_weights(weights)
    assert train(learner, 30 * found.highest_stable) > 2 * start


def test_a_network_that_fits_is_recognised(learner):
    train(learner, 0.02, 200)
    found = run_test(*learner)
    assert found.fits
    assert found.suggested(1.0) == pytest.approx(found.highest_stable / 3, rel=0.5)


def test_nothing_but_what_the_steps_see_is_computed():
    dataset = tiny_dataset(splits=("train", "val", "test"))
    few = narrowed(dataset, make_config(batch_size=1))
    assert set(few.indices("train")) == set(few.holdout.fit) <= set(dataset.holdout.fit)
    assert len(narrowed(dataset, make_config(batch_size=32)).holdout.fit) == len(
        dataset.holdout.fit
    )
    store = FeatureStore()
    config = make_config(**HIDDEN)
    model = build_model(SMALL, dataset.task, 0, (16,), image_size=32, weights="none")
    find_strategy("feature_extraction").first_training(model, dataset, store, config)
    assert store.computed == len(dataset.holdout.fit)


RATES = np.geomspace(1e-6, 1, 100).tolist()


@settings(max_examples=50, deadline=None)
@given(st.integers(20, 95), st.floats(0.01, 10), st.integers(0, 1000))
def test_the_highest_stable_rate_is_where_a_flat_loss_begins_to_rise(begins, scale, seed):
    noise = np.random.default_rng(seed).uniform(0.97, 1.03, 100)
    steps = np.maximum(0, np.arange(100) - begins)
    losses = scale * noise * 1.8**steps
    found = analyse(RATES, losses.tolist(), fits=True)
    assert found.rose
    # steps, each of which is 15 % of the rate
    assert -6 <= RATES.index(found.highest_stable) - begins <= 3
    assert 0 < found.suggested(1.0) < found.highest_stable


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=100), st.booleans())
def test_any_losses_have_a_highest_rate_and_a_mean_between_them(losses, broke):
    found = analyse(RATES[: len(losses)], losses, broke)
    assert found.highest_stable in RATES[: len(losses)]
    means = np.array(smooth(losses))
    assert (means >= min(losses) - 1e-9).all()
    assert (means <= max(losses) + 1e-9).all()


def test_a_loss_that_never_rises_is_stable_to_the_end():
    found = analyse(RATES, [1.0] * 100)
    assert (found.rose, found.highest_stable) == (False, 1.0)
    assert found.suggested(0.05) == 0.1
    assert found.suggested(1e-3) == 0.01  # ten times the recipe's own and no more


def test_a_loss_that_is_no_number_ends_the_test(monkeypatch):
    training, config = first_training("feature_extraction", hidden_units=(16,))
    losses = iter([1.0] * 30 + [float("nan")])
    monkeypatch.setattr(rate_test, "_loss", lambda logs: next(losses))
    found = run_test(training, config)
    assert (len(found.losses), found.rose) == (28, True)  # two are asked for by `fits`
    assert found.highest_stable == found.rates[-1]
    losses = iter([1.0, 1.0, float("nan")])
    with pytest.raises(UserError, match=r"no finite number .found: nan in the first step"):
        run_test(training, config)


def train_at(learner, rate, recommended=1e-3, epochs=1):
    """A training as strategies do it; the warnings about its rate are on stderr."""
    (network, fetch, dataset, _), config = learner
    fit, select, _ = dataset.holdout
    plan = gradient.Schedule(epochs, rate, recommended=recommended)
    gradient.train_by_gradient(network, fetch, dataset, fit, select, config, plan, "Learning")


def test_an_absurd_rate_gets_one_line_and_a_usual_one_costs_nothing(learner, capsys, monkeypatch):
    train_at(learner, 5.0)
    (warned,) = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert warned.startswith("warning: Learning: a learning rate of 5 is too high:")
    assert "Leave --learning-rate out (then it is 0.001) or try 0.001" in warned
    monkeypatch.delattr(rate_test, "range_test")
    for rate, recommended in ((1e-3, 1e-3), (1e-2, 1e-3), (5.0, None)):
        train_at(learner, rate, recommended)
    assert "warning" not in capsys.readouterr().err


def test_a_rate_that_is_high_but_stable_gets_no_warning(learner, capsys, monkeypatch):
    flat = analyse(RATES, [1.0] * 100)
    monkeypatch.setattr(rate_test, "range_test", lambda *_: flat)
    train_at(learner, 5.0)
    assert "warning" not in capsys.readouterr().err


def test_training_after_the_test_is_as_without_it(monkeypatch):
    knobs = {"hidden_units": (16,), "dropout": 0.3, "learning_rate": 0.02, "epochs": 3}
    tests = []
    monkeypatch.setattr(
        rate_test, "range_test", lambda *given: tests.append(1) or range_test(*given)
    )
    one = trained("feature_extraction", **knobs)[0].model.get_weights()
    assert tests == [1]  # what trains on all of train is not tested again
    monkeypatch.setattr(gradient, "check_rate", lambda *_: None)
    other = trained("feature_extraction", **knobs)[0].model.get_weights()
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_the_command_prints_json_and_draws(class_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    photos = class_folder(10)
    asked = ["--data", str(photos), "--base", SMALL, "--weights", "none", "--image-size", "32"]
    asked += ["--hidden-units", "16", "--find-learning-rate"]
    assert main([*asked, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["default"] == 1e-3
    assert facts["suggested"] < facts["highest_stable"]
    assert set(facts["steps"][0]) >= {"rate", "loss"}
    rates = [step["rate"] for step in facts["steps"]]
    assert rates == sorted(rates)
    assert facts["command"].endswith(f"--hidden-units 16 --learning-rate {facts['suggested']:g}")
    assert facts["figure"] == "learning_rate.svg"
    assert main(asked) == 0
    printed = capsys.readouterr().out
    assert f"suggested learning rate {facts['suggested']:g}, {facts['reason']}" in printed
    assert "the recipe's own: 0.001" in printed
    assert "learning_rate_2.svg" in printed  # the first one stays
    drawn = (tmp_path / "learning_rate.svg").read_text()
    assert ElementTree.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert "suggested" in drawn
    assert not (tmp_path / "saved_models").exists()

    found = kt.find_learning_rate(photos, **HIDDEN, out="figures", quiet=True)
    assert found["steps"] == facts["steps"]
    again = kt.find_learning_rate(photos, **HIDDEN, out="figures", overwrite=True, quiet=True)
    assert again == found
    assert [file.name for file in (tmp_path / "figures").iterdir()] == ["learning_rate.svg"]


@pytest.mark.parametrize(
    ("knobs", "out", "match"),
    [
        ({}, None, "solved exactly, there is no learning rate to find"),
        ({"hidden_units": 8, "learning_rate": 0.1}, None, "named already"),
        ({"hidden_units": 8}, "photos/a file", "--out is no folder"),
        ({"hidden_units": 8}, "run", "--out is the folder of a run"),
    ],
)
def test_what_cannot_be_tested_is_refused(class_folder, tmp_path, monkeypatch, knobs, out, match):
    monkeypatch.chdir(tmp_path)
    photos = class_folder(4)
    (photos / "a file").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"state": "finished", "versions": {}}')
    with pytest.raises(UserError, match=match):
        kt.find_learning_rate(photos, **{**TINY, **knobs}, out=out, quiet=True)


def test_a_strategy_without_a_range_test_says_so(toys, class_folder):
    with pytest.raises(UserError, match="no range test of learning rates"):
        kt.find_learning_rate(class_folder(4), **TINY, strategy="slow_and_steady", quiet=True)


def test_plan_and_range_test_are_not_mixed(capsys):
    assert main(["--plan", "--find-learning-rate"]) == 2
    assert "Name one" in capsys.readouterr().err


def test_the_command_to_go_on_with_is_the_one_given():
    given = ["--data", "my photos", "--out", "figures", "--find_learning_rate", "--json", "--quiet"]
    expected = "keras-transfer train --data 'my photos' --quiet --learning-rate 0.003"
    assert command_with_rate(given, 0.003) == expected
    assert command_with_rate(["--out=x", "--seed", "1"], 1e-5).endswith(
        "train --seed 1 --learning-rate 1e-05"
    )
