"""What a run will take, and when stored activations do not pay."""

import json

import numpy as np

from keras_transfer.cli.train import main
from keras_transfer.config import make_config
from keras_transfer.features.plan import plan_storing
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_model
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies import recipes
from keras_transfer.strategies.fine_tuning import plan_tuning
from keras_transfer.tasks import make_task

SMALL = "mobilenet_v2_0.35"
TASK = make_task("classification", ["a", "b"], np.ones(2, bool))


def prefix_of(part):
    model = build_model(SMALL, image_size=64, weights="none")
    set_trainable(model, part)
    return cut(model)[0]


def test_when_storing_pays():
    prefix = prefix_of("block_13")  # 4 x 4 x 32 numbers
    plan = plan_storing(prefix, 1000, 4, 20, 10**9)
    assert plan.stored
    assert (plan.count, plan.bytes) == (4000, 4000 * 4 * 4 * 32 * 4)
    assert plan_storing(prefix, 1000, 4, 20, 10**9, "float16").bytes == plan.bytes // 2
    assert "30 versions of each example" in plan_storing(prefix, 1000, 30, 20, 10**9).why
    assert "may be used" in plan_storing(prefix, 1000, 4, 20, 10**6).why
    assert "all of the base trains" in plan_storing(prefix_of("all"), 10, 1, 20, 10**9).why


def test_versions_are_no_more_than_the_epochs_look_at():
    model = build_model(SMALL, image_size=64, weights="none")
    config = make_config(base=SMALL, strategy="fine_tuning", epochs=3)
    recipe = recipes.fine_tuning(100, 32)
    tuning = plan_tuning(model, TASK, config, recipe, 100, 2, 10**9)
    assert len(tuning.views) == 3
    assert tuning.plan.stored
    many = make_config(base=SMALL, strategy="fine_tuning", epochs=3, views=64)
    assert not plan_tuning(model, TASK, many, recipe, 100, 2, 10**9).plan.stored


def test_the_plan_is_said_and_nothing_is_done(class_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    photos = class_folder(10)
    asked = ["--data", str(photos), "--base", SMALL, "--weights", "none", "--image-size", "32"]
    assert main([*asked, "--plan"]) == 0
    assert "30 examples, 24 of them to train on" in capsys.readouterr().out
    tuning = ["--strategy", "fine_tuning", "--epochs", "40", "--trainable", "block_13"]
    assert main([*asked, *tuning, "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["epochs"] == 40
    assert plan["seconds_training"] > 0
    assert not (tmp_path / "saved_models").exists()
