"""Temperature, unsure and unlike training: settled on predictions for unseen examples only."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_transfer as kt
from keras_transfer.config import make_config
from keras_transfer.data.dataset import read_dataset
from keras_transfer.data.sources.specs import read_source
from keras_transfer.evaluate.neighbours import Neighbours
from keras_transfer.evaluate.unsure import choose_threshold, is_unsure, is_useful, score_threshold
from keras_transfer.features.store import FeatureStore
from keras_transfer.model.factory import build_for
from keras_transfer.model.pooled import pooled_features
from keras_transfer.run.folder import Run
from keras_transfer.run.predictor import Predictor
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.strategies import find_strategy
from keras_transfer.strategies.common.reliability import settle
from keras_transfer.strategies.common.temperature import fit_temperature
from keras_transfer.tasks import make_task
from keras_transfer.train import check
from tests.support.drawing import plant_classes
from tests.support.tiny import images

PRETRAINED = {"base": "efficientnet_lite0", "weights": "auto"}
SHORT = {"base": "mobilenet_v2_0.35", "weights": "none", "image_size": 32, "quiet": True}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 0.5), st.integers(2, 80), st.integers(2, 40))
def test_scores_of_a_threshold_are_those_of_what_is_kept(seed, rate, n, values):
    generator = np.random.default_rng(seed)
    confidence = generator.integers(1, values + 1, n) / values  # with ties
    wrong = generator.uniform(size=n) < 0.3
    chosen = choose_threshold(confidence, wrong, rate)
    scores, sure = score_threshold(confidence, wrong, chosen), ~is_unsure(confidence, chosen)
    assert scores["coverage"]["value"] == pytest.approx(sure.mean())
    if chosen is None:
        assert scores["error"] == {"value": None, "low": None, "high": None}
    else:
        assert scores["error"]["value"] == pytest.approx(wrong[sure].mean())
        assert scores["error"]["low"] <= scores["error"]["value"] <= scores["error"]["high"]
    stricter = choose_threshold(confidence, wrong, rate / 2)
    assert is_unsure(confidence, stricter).sum() >= (~sure).sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.02, 0.05, 0.1]))
def test_the_wanted_error_rate_is_met_on_new_predictions(seed, rate):
    """Of calibrated predictions, where the threshold that is right is known."""
    generator = np.random.default_rng(seed)
    confidence = generator.beta(4, 1, 60_000)
    wrong = generator.uniform(size=60_000) > confidence
    chosen = choose_threshold(confidence[:20_000], wrong[:20_000], rate)
    new = score_threshold(confidence[20_000:], wrong[20_000:], chosen)["error"]["value"]
    assert new == pytest.approx(rate, rel=0.35)


def test_the_ends_of_thresholds():
    confidence = np.linspace(0.5, 0.99, 50)
    assert choose_threshold(confidence, np.zeros(50, bool), 0.3) == 0.0
    assert choose_threshold(confidence, np.zeros(50, bool), 0.0) is None  # nothing is certain
    assert choose_threshold(confidence, np.ones(50, bool), 0.4) is None


def test_predictions_of_one_confidence_are_kept_together():
    """With a part of those at 0.9 the errors would still be few enough, but all of them go."""
    confidence, wrong = np.repeat([0.99, 0.9], 1000), np.zeros(2000, bool)
    wrong[:10], wrong[1000:1100] = True, True
    assert choose_threshold(confidence, wrong, 0.02) == 0.99


def test_the_interval_of_a_coverage_is_wider_where_groups_are_few():
    confidence = np.repeat([0.9, 0.8, 0.2, 0.1], 25)
    wrong = np.zeros(100, bool)
    alone = score_threshold(confidence, wrong, 0.5)["coverage"]
    grouped = score_threshold(confidence, wrong, 0.5, np.repeat(list("abcd"), 25))["coverage"]
    assert alone["value"] == grouped["value"] == 0.5
    assert grouped["high"] - grouped["low"] > 2 * (alone["high"] - alone["low"])


def test_a_coverage_under_a_half_is_no_use():
    assert is_useful({"coverage": {"value": 0.5}})
    assert not is_useful({"coverage": {"value": 0.49}})
    assert not is_useful({"coverage": {"value": None}})


@settings(max_examples=25, deadline=None)
@given(st.floats(0.4, 5.0), st.integers(0, 1000))
def test_the_temperature_that_was_put_in_is_found(temperature, seed):
    generator = np.random.default_rng(seed)
    task = make_task("classification", list("abc"), np.ones(3, bool))
    logits = 2.0 * generator.normal(size=(4000, 3))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (true.cumsum(axis=1) > generator.uniform(size=(4000, 1))).argmax(axis=1)
    sharp = np.exp(logits * temperature)
    found = fit_temperature(task, targets, sharp / sharp.sum(axis=1, keepdims=True))
    assert found == pytest.approx(temperature, rel=0.3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 50.0))
def test_distances_do_not_depend_on_how_long_features_are(seed, scale):
    generator = np.random.default_rng(seed)
    known, new = generator.normal(size=(30, 8)), generator.normal(size=(5, 8))
    far = Neighbours(known).distances(new)
    np.testing.assert_allclose(Neighbours(scale * known).distances(new / scale), far, rtol=1e-3)
    assert (far >= 0).all()
    assert (far <= 2.0001).all()
    assert Neighbours(np.repeat(known[:1], 10, axis=0)).distances(known[:1])[0] < 1e-3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return plant_classes(tmp_path_factory.mktemp("planted"), {"train": 14, "val": 8})


def fitted_by(folder, **knobs):
    untrained = {"base": "mobilenet_v2_0.35", "weights": "none"}
    config = make_config(**{"data": str(folder), **untrained, **knobs})
    dataset = read_dataset(read_source(config.data, "auto", "image"), check(config), config)
    features, model = FeatureStore(), build_for(dataset, config)
    fitted = find_strategy(config.strategy).fit(model, dataset, features, config)
    return fitted, dataset, features, config


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"hidden_units": (8,), "epochs": 2},
        {"strategy": "fine_tuning", "epochs": 1, "learning_rate": 1e-5, **PRETRAINED},
    ],
    ids=["exact head", "hidden head", "fine tuning"],
)
def test_what_is_settled_rests_on_examples_that_did_not_train(knobs, folder):
    fitted, dataset, features, config = fitted_by(folder, image_size=32, **knobs)
    unseen, train = fitted.unseen, dataset.indices("train")
    assert unseen.out_of_fold is (not knobs)
    expected = train if unseen.out_of_fold else dataset.holdout.select
    np.testing.assert_array_equal(np.sort(unseen.indices), np.sort(expected))
    assert unseen.predictions.shape == (len(expected), len(dataset.task.outputs))
    np.testing.assert_allclose(unseen.predictions.sum(axis=1), 1.0, rtol=1e-5)
    assert unseen.distances.shape == (len(expected),)
    assert unseen.distances.min() > 0  # of an example that trained it would be nearly 0
    found = settle(fitted, dataset, features, config)
    assert found.kept.features.dtype == np.float16
    # from the store, and the same as of the whole network
    pixels = dataset.examples.batch(train).astype(np.float32)
    whole = KerasRuntime(pooled_features(fitted.model))(pixels)
    np.testing.assert_allclose(found.kept.features, whole, rtol=2e-3, atol=2e-3)
    assert set(found.thresholds) == {"task", "unsure", "unlike_training"}


def test_a_network_trained_by_gradient_is_never_made_surer(folder):
    """Of a few examples of which none is wrong the best temperature is near 0."""
    knobs = {"hidden_units": (8,), "epochs": 1, "image_size": 32}
    fitted, dataset, features, config = fitted_by(folder, **knobs)
    targets = dataset.targets[fitted.unseen.indices]
    right = 0.1 + 0.7 * np.eye(len(dataset.task.outputs))[targets]
    right /= right.sum(axis=1, keepdims=True)
    before = fitted.model.get_layer("head").get_weights()
    unseen = fitted.unseen._replace(predictions=right)
    found = settle(fitted._replace(unseen=unseen), dataset, features, config)
    assert found.record["temperature"] == 1.0
    after = fitted.model.get_layer("head").get_weights()
    assert all((one == other).all() for one, other in zip(before, after, strict=True))


def test_out_of_fold_predictions_are_those_of_heads_without_the_example(folder):
    """A head that had seen them would be nearly always right on random labels."""
    config = make_config(data=str(folder), base="mobilenet_v2_0.35", weights="none", image_size=32)
    dataset = read_dataset(read_source(config.data, "auto", "image"), check(config), config)
    generator = np.random.default_rng(0)
    targets = np.asarray(dataset.targets).copy()
    object.__setattr__(dataset, "targets", generator.permutation(targets))
    model = build_for(dataset, config)
    fitted = find_strategy("feature_extraction").fit(model, dataset, FeatureStore(), config)
    wrong = dataset.task.wrong(dataset.targets[fitted.unseen.indices], fitted.unseen.predictions)
    assert wrong.mean() > 0.3


def test_the_temperature_is_in_the_model_and_in_its_files(finished, tmp_path):
    run, photos = finished
    record = run.reliability
    assert record["out_of_fold"] is True
    assert record["split"] == "train"
    assert record["temperature"] > 0
    unsure = record["unsure"]
    assert unsure["error_rate"] == 0.02
    scores = run.metrics["splits"]["val"]["unsure"]
    assert set(scores) == {"error", "coverage"}
    spec = run.predictor.spec
    assert spec.thresholds["unsure"] == unsure["threshold"]
    exported = Predictor.load(run.folder / "exports" / "model.tflite")
    assert exported.spec.thresholds == spec.thresholds
    golden = json.loads((run.folder / "exports" / "golden" / "golden.json").read_text())
    assert golden["unsure_below"] == unsure["threshold"]
    assert run.predictor.evaluate(photos)["val"]["unsure"] == scores


def test_predict_says_what_is_unsure_and_what_is_unlike_training(finished, tmp_path, capsys):
    from PIL import Image

    from keras_transfer.cli.predict import main

    run, photos = finished
    known = sorted((photos / "val").rglob("*.png"))[:4]
    for number, noise in enumerate(np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3))):
        Image.fromarray(noise.astype(np.uint8)).save(tmp_path / f"noise{number}.png")
    found = run.predict(tmp_path, *known)
    assert all(result["unlike_training"] for result in found[:4])
    assert not any(result["unlike_training"] for result in found[4:])
    assert all(isinstance(result["unsure"], bool) for result in found)
    by_file = Predictor.load(run.folder / "exports" / "model.tflite").predict([tmp_path])
    assert "unlike_training" not in by_file[0]
    assert by_file[0]["unsure"] == found[0]["unsure"]
    assert main(["--model", str(run.folder), str(tmp_path)]) == 0
    assert "unlike training" in capsys.readouterr().out


DAMAGE = {
    "no archive": lambda file: file.write_bytes(b"PK\x03\x04 no archive"),
    "text": lambda file: file.write_bytes(b"features"),
    "of another model": lambda file: np.savez(file, features=np.ones((30, 5))),
    "one number": lambda file: np.savez(file, features=np.float32(1)),
    "no numbers": lambda file: np.savez(file, features=np.full((30, 1280), np.nan)),
    "no rows": lambda file: np.savez(file, features=np.ones((0, 1280))),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_features_cost_a_remark_only(finished, tmp_path, capsys, damage):
    run, photos = finished
    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy)
    damage(copy / "training_features.npz")
    (result, *_) = Run.open(copy).predict(photos / "val")
    assert "unlike_training" not in result
    assert "is damaged" in capsys.readouterr().err


def test_a_regression_is_never_called_unsure(tmp_path):
    pixels, numbers = images(40, 32), np.linspace(0.5, 20.3, 40)
    run = kt.transfer((pixels, numbers), out=tmp_path / "run", export=False, **SHORT)
    assert run.reliability["unsure"] is None
    assert run.reliability["temperature"] is None
    assert "unsure" not in run.metrics["splits"]["test"]
    assert run.reliability["unlike_training"]["percentile"] == 95


def test_an_error_rate_that_cannot_be_reached_is_named(tmp_path, capsys):
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (60, 32, 32, 3)).astype(np.uint8)
    labels = np.array(list("ab") * 30)
    settings_ = {**SHORT, "quiet": False, "error_rate": 0.0}
    run = kt.transfer((pixels, labels), out=tmp_path / "run", export=False, **settings_)
    assert not run.reliability["unsure"]["useful"]
    assert "--error-rate 0" in capsys.readouterr().err


def test_a_threshold_that_cannot_be_chosen_does_not_cost_the_training(tmp_path, capsys):
    """A holdout of one class, here a val that selects since there is a test."""
    splits = {"train": 8, "val": 6, "test": 6}
    photos = plant_classes(tmp_path, splits)
    for kind in sorted((photos / "train").iterdir())[2:]:  # two classes are enough
        for split in splits:
            shutil.rmtree(photos / split / kind.name)
    shutil.rmtree(sorted((photos / "val").iterdir())[0])
    knobs = {"hidden_units": 4, "epochs": 1, "at_specificity": 0.9, "export": False}
    run = kt.transfer(photos, out=tmp_path / "run", **{**SHORT, "quiet": False}, **knobs)
    assert run.reliability["thresholds"] == {}
    assert "no threshold is chosen: a threshold needs held-out examples" in capsys.readouterr().err
