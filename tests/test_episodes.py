"""Episodes: drawn fairly, scored with an interval, on classes that a model did not train on."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.backend import load_keras
from keras_transfer.cli.evaluate import main
from keras_transfer.errors import UserError
from keras_transfer.evaluate.episodes import (
    EpisodeSettings,
    check_episodes,
    draw_episodes,
    mean_with_interval,
    score_episodes,
)
from keras_transfer.features.store import FeatureStore
from keras_transfer.run import episodes
from keras_transfer.run.episodes import Embedding, embedding_of_run, evaluate_episodes
from keras_transfer.train import transfer
from tests.support.drawing import KINDS, draw, plant_classes
from tests.support.tiny import image_spec


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 4), st.integers(1, 3), st.integers(1, 4), st.integers(0, 100))
def test_an_episode_has_distinct_classes_and_each_example_once(ways, shots, queries, seed):
    generator = np.random.default_rng(seed)
    numbers = generator.permutation(np.repeat(np.arange(5), 8))
    asked = EpisodeSettings(5, ways, (shots,), queries, seed)
    for support, query in draw_episodes(numbers, asked, shots):
        assert support.shape == (ways, shots)
        assert query.shape == (ways, queries)
        both = np.concatenate([support, query], axis=1)
        assert len(np.unique(both)) == both.size
        classes = numbers[both]
        assert (classes == classes[:, :1]).all()
        assert len(np.unique(classes[:, 0])) == ways


def test_the_same_seed_draws_the_same_and_another_others():
    numbers = np.repeat(np.arange(6), 10)
    first, same, other = (
        [support.tolist() for support, _ in draw_episodes(numbers, asked, 2)]
        for asked in (
            EpisodeSettings(4, 3, (2,), 5, seed=1),
            EpisodeSettings(4, 3, (2,), 5, seed=1),
            EpisodeSettings(4, 3, (2,), 5, seed=2),
        )
    )
    assert first == same != other


def test_classes_with_too_few_examples_are_never_drawn():
    numbers = np.array([0] * 10 + [1] * 10 + [2] * 3)
    small = EpisodeSettings(20, 2, (5,), 5)
    drawn = {int(numbers[i]) for s, _ in draw_episodes(numbers, small, 5) for i in s.ravel()}
    assert drawn == {0, 1}


def test_a_guess_scores_by_chance_and_the_truth_everything():
    numbers = np.repeat(np.arange(5), 20)
    asked = EpisodeSettings(200, 5, (1, 5), 10, 0)
    first = lambda support, places, ways, query: np.zeros(len(query), int)  # noqa: E731
    scores = score_episodes(numbers, asked, first)
    assert list(scores) == ["1", "5"]
    assert scores["1"]["accuracy"]["value"] == pytest.approx(0.2)

    def right(support, places, ways, query):
        known = dict(zip(numbers[support], places, strict=True))
        return np.array([known[number] for number in numbers[query]])

    assert score_episodes(numbers, asked, right)["5"]["accuracy"]["low"] == 1.0


def test_the_interval_is_that_of_the_mean():
    values = np.random.default_rng(0).uniform(0.2, 0.8, 400)
    found = mean_with_interval(values)
    assert found["value"] == pytest.approx(values.mean())
    half = 1.96 * values.std(ddof=1) / 20
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=1e-3)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (EpisodeSettings(ways=9), "more classes"),
        (EpisodeSettings(ways=2, queries=99), "needs 104 examples"),
        (EpisodeSettings(episodes=0), "--episodes"),
        (EpisodeSettings(ways=1), "--ways"),
        (EpisodeSettings(shots=(0,)), "--shots"),
        (EpisodeSettings(queries=0), "--queries"),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_line(asked, word):
    with pytest.raises(UserError, match=word):
        check_episodes(asked, ["a"] * 30 + ["b"] * 30)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on two of three kinds."""
    images = np.stack([draw(kind, n, 32) for kind in KINDS[:2] for n in range(12)])
    labels = [kind for kind in KINDS[:2] for _ in range(12)]
    folder = tmp_path_factory.mktemp("episodes") / "run"
    knobs = {"base": "mobilenet_v2_0.35", "weights": "none", "image_size": 32, "quiet": True}
    return transfer((images, labels), out=folder, export=False, report=False, **knobs)


def test_classes_that_the_model_trained_on_are_not_drawn(run, tmp_path, capsys):
    folder = plant_classes(tmp_path, counts=8)
    embedding = embedding_of_run(run.folder)
    assert embedding.learned == tuple(sorted(KINDS[:2]))
    asked = EpisodeSettings(5, 2, (1,), 2)
    with pytest.raises(UserError, match="1 classes, --ways 2"):
        evaluate_episodes(embedding, folder, asked, FeatureStore())
    found = evaluate_episodes(embedding._replace(learned=()), folder, asked, FeatureStore())
    assert found["classes"] == 3
    assert found["examples"] == 24
    assert 0 <= found["shots"]["1"]["accuracy"]["value"] <= 1
    with pytest.raises(UserError, match="trained on every class"):
        evaluate_episodes(embedding._replace(learned=KINDS), folder, asked, FeatureStore())


def test_a_split_test_of_its_own_classes_is_drawn_from(tmp_path):
    for split, kinds in (("train", KINDS[:1]), ("test", KINDS[1:])):
        plant_classes(tmp_path / "data", counts=8, name=split, kinds=kinds)
    keras = load_keras()
    pixels = keras.Input((16, 16, 3), name="pixels")
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(pixels))
    network = keras.Model(pixels, features, name="small")
    embedding = Embedding(network, image_spec(16), (), "ridge")
    found = evaluate_episodes(
        embedding, tmp_path / "data", EpisodeSettings(5, 2, (1,), 2), FeatureStore()
    )
    assert found["classes"] == 2


@pytest.mark.parametrize("method", ["ridge", "prototypes", "cosine", "nearest_mean", "linear"])
def test_the_command_gives_json(tmp_path, capsys, monkeypatch, method):
    folder = plant_classes(tmp_path, counts=8)
    asked = (
        f"--base mobilenet_v2_0.35 --data {folder} --episodes 5 --ways 3 --shots 1 3 --queries 2"
    )
    if method != "ridge":
        asked += f" --method {method}"
    plain = episodes.embedding_of_base
    monkeypatch.setattr(episodes, "embedding_of_base", lambda name: plain(name, "none", 32))
    assert main([*asked.split(), "--json", "--views", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["episodes"] == 5
    assert found["ways"] == 3
    assert set(found["shots"]) == {"1", "3"}
    assert found["method"] == method
    assert set(found["shots"]["1"]["accuracy"]) == {"value", "low", "high"}


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ("--data demo", "--model, or --base"),
        ("--data demo --base vgg16", "predicts no classes"),
        ("--data demo --base vgg16 --model x --episodes 5", "both"),
        ("--data demo --base efficientnet_lite0 --episodes 0", "--episodes"),
        ("--data demo --base efficientnet_lite0 --episodes 5 --views 0", "--views"),
        ("--data demo --model x --ways 3", "--ways is for --episodes"),
        ("--data demo --model x --shots 1", "--shots is for --episodes"),
    ],
)
def test_what_does_not_go_together_is_refused(asked, word, capsys):
    assert main(asked.split()) == 2
    assert word in capsys.readouterr().err
