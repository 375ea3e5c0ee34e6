"""`--strategy auto`: a rule about labels, and a run that names what it took."""

import json

import pytest

from keras_transfer.cli.train import main
from keras_transfer.config import make_config, read_config
from keras_transfer.errors import UserError
from keras_transfer.strategies.auto import label_facts, settle
from keras_transfer.strategies.common.recipes import FEW, LabelFacts, strategies_for
from keras_transfer.tasks import find_task
from keras_transfer.train import transfer
from tests.support.drawing import plant_classes
from tests.test_few_shot import drawn


def table(*counts, splits=("train",)):
    """A table with so many rows of each class in each of the splits."""
    import pandas as pd

    rows = [
        (f"class {number}", split)
        for number, count in enumerate(counts)
        for split in splits
        for _ in range(count)
    ]
    return pd.DataFrame(rows, columns=["label", "split"])


def settled(labels, task="classification", **knobs):
    return settle(make_config(strategy="auto", **knobs), labels, find_task(task)).strategy


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (LabelFacts(1, 1, True), "few_shot"),
        (LabelFacts(FEW - 1, 2, True), "few_shot"),
        (LabelFacts(FEW, 2, True), "fine_tuning"),
        (LabelFacts(500, 1, True), "few_shot"),  # nothing else learns from a single example
        (LabelFacts(FEW - 1, FEW - 1, False), "feature_extraction"),
        (LabelFacts(FEW, 1, False), "fine_tuning"),
    ],
)
def test_the_rule_for_a_pretrained_base(facts, expected):
    assert strategies_for(facts)[0][0] == expected


def test_an_untrained_base_is_trained():
    facts = LabelFacts(5, 5, True)
    assert strategies_for(facts, pretrained=False)[0][0] == "fine_tuning"
    assert strategies_for(facts, pretrained=False, new_classes=True)[0][0] == "protonet"


def test_facts_are_of_the_rows_to_train_on():
    classes = find_task("classification")
    assert label_facts(table(3, 9, 30, splits=("train", "test")), classes) == (9, 3, True)
    assert label_facts(table(3, 9, 30, splits=("",)), classes) == (9, 3, True)
    labels = table(4).assign(label=[("a", "b"), ("a",), ("b", "c"), ("a",)])
    assert label_facts(labels, find_task("multilabel")) == (2, 1, False)


def test_other_settings_are_respected():
    many, few = table(FEW, FEW), table(3, 3)
    assert settled(many) == "fine_tuning"
    assert settled(many, trainable="none") == "feature_extraction"
    assert settled(few) == "few_shot"
    assert settled(few, hidden_units=(8,)) == "feature_extraction"
    assert settled(few, dropout=0.2) == "fine_tuning"
    assert settled(few, trainable="all") == "fine_tuning"
    assert settled(few, weights="none", split_by="class") == "protonet"


def test_settings_without_a_meaning_for_any_are_refused_as_by_the_first():
    with pytest.raises(UserError, match="closed form"):
        settled(table(1, 3), hidden_units=(8,))


def test_a_run_names_the_strategy_that_it_took(tmp_path, capsys):
    quick = {"image_size": 64, "strategy": "auto", "export": False, "report": False}
    run = transfer(drawn(3), out=tmp_path / "run", **quick)
    assert run.config.strategy == read_config(tmp_path / "run" / "config.json").strategy
    assert run.config.strategy == "few_shot"
    assert run.config.method == "ridge"
    assert "--strategy auto takes few_shot: fewer than 20" in capsys.readouterr().err


def test_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos = plant_classes(tmp_path, FEW)
    flags = ["--data", str(photos), "--strategy", "auto", "--image-size", "64"]
    assert main([*flags, "--plan", "--json"]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert "Fine-tuning" in [stage["name"] for stage in stages]
    assert main([*flags, "--trainable", "none", "--no-export", "--no-report"]) == 0
    assert [run.name for run in (tmp_path / "saved_models").iterdir()] == [
        "photos-efficientnet_lite0-feature_extraction-001"
    ]


def test_a_strategys_own_settings_need_its_name(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(tmp_path), "--strategy", "auto", "--method", "cosine"])
    assert "--method" in capsys.readouterr().err
