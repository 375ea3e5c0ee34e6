"""What a run will take, and when stored activations do not pay."""

import json

import numpy as np
import pytest

from keras_transfer.cli.train import main
from keras_transfer.config import make_config
from keras_transfer.features.plan import plan_storing
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_model
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies import Facts, find_strategy
from keras_transfer.strategies.common.hyper_rule import choices
from keras_transfer.strategies.fine_tuning import stages
from keras_transfer.tasks import find_task, make_task
from tests.support.drawing import plant_classes

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
    assert "30 views of each example" in plan_storing(prefix, 1000, 30, 20, 10**9).reason
    assert "may be used" in plan_storing(prefix, 1000, 4, 20, 10**6).reason
    assert "all of the base trains" in plan_storing(prefix_of("all"), 10, 1, 20, 10**9).reason


def test_views_are_no_more_than_the_epochs_look_at():
    facts = Facts(200, 100, 80, "train", TASK)
    config = make_config(base=SMALL, strategy="fine_tuning", epochs=3)
    head, tuning, again = stages(facts, config)
    assert (head.part, head.epochs, head.examples) == ("none", 0, 80)
    assert (tuning.part, tuning.epochs, tuning.examples) == ("block_13", 3, 80)
    assert again == tuning._replace(name=again.name, examples=100)
    assert len(tuning.views) == 3
    model = build_model(SMALL, image_size=64, weights="none")
    set_trainable(model, tuning.part)
    assert plan_storing(cut(model)[0], 100, len(tuning.views), 6, 10**9).stored
    many = make_config(base=SMALL, strategy="fine_tuning", epochs=3, views=64)
    views = stages(facts, many)[1].views
    assert not plan_storing(cut(model)[0], 100, len(views), 6, 10**9).stored


def test_val_that_selects_leaves_nothing_to_tune_again():
    facts = Facts(200, 100, 100, "val", TASK)
    config = make_config(base=SMALL, strategy="fine_tuning", epochs=3)
    assert [stage.name for stage in stages(facts, config)] == ["Solving the head", "Fine-tuning"]


def test_the_plan_is_printed_and_nothing_is_done(class_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    photos = class_folder(10)
    asked = ["--data", str(photos), "--base", SMALL, "--weights", "none", "--image-size", "32"]
    assert main([*asked, "--plan"]) == 0
    assert "30 examples, 24 of them to train on" in capsys.readouterr().out
    tuning = ["--strategy", "fine_tuning", "--epochs", "40", "--trainable", "block_13"]
    assert main([*asked, *tuning, "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    (stage,) = plan["stages"]  # from scratch there is no head to begin with
    assert stage["epochs"] == 40
    assert stage["part"] == "block_13"
    assert plan["seconds_training"] == stage["seconds_training"] > 0
    assert not (tmp_path / "saved_models").exists()


@pytest.mark.parametrize(
    ("knobs", "train", "expected"),
    [
        (
            {"strategy": "fine_tuning"},
            300,
            {"trainable": "block6", "batch_size": 8, "epochs": 8, "views": 8, "augment": "light"},
        ),
        ({"strategy": "fine_tuning"}, 5000, {"batch_size": 32, "epochs": 10, "views": 10}),
        ({"strategy": "fine_tuning", "weights": "none"}, 300, {"trainable": "all"}),
        ({"strategy": "feature_extraction"}, 300, {"penalty": "selected"}),
        ({"strategy": "few_shot"}, 10, {"penalty": 0.3}),
        (
            {"strategy": "feature_extraction", "hidden_units": (8,)},
            300,
            {"batch_size": 32, "learning_rate": 1e-3},
        ),
    ],
)
def test_what_is_left_open_is_taken_by_rule(knobs, train, expected):
    config = make_config(base="efficientnet_lite0", **knobs)
    facts = Facts(train, train, train - train // 5, "train", TASK)
    planned = find_strategy(config.strategy).stages(facts, config)
    found = {choice.setting: choice.value for choice in choices(facts, config, planned)}
    assert {name: found.get(name) for name in expected} == expected


def test_masks_tune_what_their_head_sees_below_the_last_stage():
    task = find_task("segmentation").from_outputs(("ground", "road"))
    config = make_config(base="efficientnet_lite0", strategy="fine_tuning")
    facts = Facts(300, 300, 240, "train", task)
    planned = find_strategy("fine_tuning").stages(facts, config)
    found = {choice.setting: choice for choice in choices(facts, config, planned)}
    assert found["trainable"].value == "block5"
    assert "such a head" in found["trainable"].reason


def test_what_is_named_is_no_matter_of_the_rule():
    named = {"epochs": 4, "batch_size": 16, "learning_rate": 1e-4, "augment": "none", "views": 2}
    config = make_config(strategy="fine_tuning", trainable="block7", **named)
    facts = Facts(300, 300, 240, "train", TASK)
    assert choices(facts, config, find_strategy("fine_tuning").stages(facts, config)) == []


def test_the_plan_gives_reasons(tmp_path, capsys):
    photos = plant_classes(tmp_path, 6)
    flags = ["--data", str(photos), "--base", SMALL, "--weights", "none", "--image-size", "64"]
    assert main([*flags, "--strategy", "fine_tuning", "--plan"]) == 0
    printed = capsys.readouterr().out
    assert "What is not named is taken by rule:" in printed
    assert "trainable all: there are no pretrained weights" in printed
