"""Trials judged inside train, and what of them is kept: honest about noise."""

import json
import sys
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from keras_transfer.cli.tune import main
from keras_transfer.config import make_config
from keras_transfer.errors import UserError
from keras_transfer.run.folder import Run
from keras_transfer.strategies.common.judging import Judgement
from keras_transfer.tasks.detection import Detection
from keras_transfer.tuning import search, tune
from keras_transfer.tuning.confirm import seconds_needed
from keras_transfer.tuning.space import check_search
from keras_transfer.tuning.trial import PARTS, Judge
from tests.support.dense import plant_squares
from tests.support.drawing import KINDS, plant_classes

pytest.importorskip("optuna")
QUICK = {"image_size": 64, "export": False, "report": False, "quiet": True}


def test_what_was_tried_before_is_not_tried_again(tmp_path, fake):
    photos = plant_classes(tmp_path, 6)
    knobs = {"study": tmp_path / "s", "search": ("strategy",), "trials": 50, **QUICK}
    _, found = tune(photos, out=tmp_path / "run", **knobs)
    tried = [trial["settings"]["strategy"] for trial in found["trials"]]
    assert sorted(tried) == ["feature_extraction", "few_shot", "fine_tuning"]


# --- a trial


def test_trials_are_judged_inside_train_alone(tmp_path):
    photos = plant_classes(tmp_path, {"train": 10, "val": 3, "test": 3})
    rows = [(str(f), f.parent.name, f.parent.parent.name) for f in sorted(photos.rglob("*.png"))]
    table = pd.DataFrame(rows, columns=["file_name", "label", "split"])
    poisoned = table.copy()
    others = poisoned["split"] != "train"
    poisoned.loc[others, "label"] = "nonsense"
    losses = []
    for one in (table, poisoned):
        judge = judge_of(one)
        found = judge.run({"strategy": "feature_extraction"}, 5)
        losses.append(found.loss)
        dataset = judge.dataset(judge.config)
        assert set(dataset.splits) == {"train"}
        assert len(dataset.examples) == 10 * len(KINDS)
        assert len(found.errors) == len(dataset.holdout.select)
    assert losses[0] == losses[1]


def judge_of(data, **knobs):
    from keras_transfer.data.sources.specs import read_source
    from keras_transfer.data.training_part import training_source
    from keras_transfer.features.store import open_store
    from keras_transfer.train import check

    config = make_config(strategy="feature_extraction", image_size=64, **knobs)
    part = training_source(read_source(data), config.seed)
    return Judge(part, config, check, open_store())


def test_settings_of_another_strategy_do_not_travel():
    judge = Judge(None, make_config(strategy="few_shot", method="cosine"), None, None)
    assert judge.settings({}).method == "cosine"
    assert not hasattr(judge.settings({"strategy": "fine_tuning"}), "method")


def test_pruning_hears_of_the_tuning_not_of_the_head_before_it(tmp_path):
    judge, heard = judge_of(plant_squares(tmp_path, {"train": 12, "val": 4})), []
    values = {"strategy": "fine_tuning", "epochs": 2}
    judge.run(values, 5, lambda share, loss: heard.append(share))
    assert heard == [0.5, 1.0]


def test_what_has_no_meaning_for_a_task_is_not_searched(tmp_path, fake):
    boxes = plant_squares(tmp_path / "data", {"train": 12, "val": 4})
    with pytest.raises(UserError, match="--search mixup has no meaning for --task detection"):
        tune(boxes, study=tmp_path / "s", out=tmp_path / "run", search=("mixup",), **QUICK)
    assert not (tmp_path / "s").exists()
    names = search._with_meaning(check_search(()), [], (), Detection)
    assert names == ("strategy", "trainable", "learning_rate", "augment", "dropout")


# --- the whole way


class FakeJudge(Judge):
    """Losses by strategy, without a training."""

    gains = {"feature_extraction": 0.0, "few_shot": 0.0, "fine_tuning": 0.0}  # noqa: RUF012

    broken = False  # whether every other part ends a training
    lucky = False  # whether gains are there on the part alone that chooses

    def parts(self):
        return 5

    def groups(self, part=0):
        return np.full(60, "")

    def run(self, values, minutes, report=None, part=0):
        if values.get("strategy") == "few_shot" and "augment" in values:
            raise UserError("training went wrong", "a loss that is no number")
        if part and self.broken:
            raise UserError("training went wrong", "a loss that is no number")
        noise = np.random.default_rng(len(values)).normal(0, 0.01, 60)
        gain = self.gains[self.settings(values).strategy]
        errors = 0.5 + noise - gain * (not self.lucky or not part)
        return Judgement(float(errors.mean()), 1.0, 0.5, errors)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(search, "Judge", FakeJudge)
    return FakeJudge


def test_a_winner_within_the_noise_leaves_the_defaults(tmp_path, fake, capsys):
    photos = plant_classes(tmp_path, 6)
    run, found = tune(photos, study=tmp_path / "s", out=tmp_path / "run", trials=6, **QUICK)
    assert found["kept"] == found["default"] == 0
    assert run.config.strategy == "few_shot"  # the default for six images a class
    assert "noise" in found["reason"] or "no trial was better" in found["reason"]
    states = Counter(trial["state"] for trial in found["trials"])
    assert states["complete"] + states["fail"] == 6
    for trial in found["trials"]:
        assert (trial["state"] == "fail") == (trial["reason"] is not None)


def test_a_winner_that_is_clearly_better_is_trained(tmp_path, fake, monkeypatch):
    gains = {"feature_extraction": 0.2, "few_shot": 0.0, "fine_tuning": 0.0}
    monkeypatch.setattr(fake, "gains", gains)
    photos = plant_classes(tmp_path, 6)
    run, found = tune(photos, study=tmp_path / "s", out=tmp_path / "run", trials=4, **QUICK)
    assert found["kept"] == found["winner"] != found["default"]
    assert run.config.strategy == "feature_extraction"
    assert "more than chance" in found["reason"]
    assert found["confirmed"]["examples"] == 240
    assert found["confirmed"]["fresh"]
    assert run.metrics["splits"]["test"]["n"] > 0  # an ordinary run


def test_a_winner_that_was_lucky_leaves_the_defaults(tmp_path, fake, monkeypatch):
    gains = {"feature_extraction": 0.2, "few_shot": 0.0, "fine_tuning": 0.0}
    monkeypatch.setattr(fake, "gains", gains)
    monkeypatch.setattr(fake, "lucky", True)
    photos = plant_classes(tmp_path, 6)
    run, found = tune(photos, study=tmp_path / "s", out=tmp_path / "run", trials=4, **QUICK)
    assert found["kept"] == found["default"] != found["winner"]
    assert found["confirmed"]["examples"] == 240
    assert run.config.strategy == "few_shot"


def test_what_was_confirmed_before_is_not_trained_again(tmp_path, fake, monkeypatch):
    gains = {"feature_extraction": 0.2, "few_shot": 0.0, "fine_tuning": 0.0}
    monkeypatch.setattr(fake, "gains", gains)
    photos, runs = plant_classes(tmp_path, 6), []
    _, first = tune(photos, study=tmp_path / "s", out=tmp_path / "one", trials=4, **QUICK)
    monkeypatch.setattr(fake, "run", lambda *given, **settings: runs.append(given))
    _, again = tune(photos, study=tmp_path / "s", out=tmp_path / "two", trials=4, **QUICK)
    assert not runs
    assert again["confirmed"] == first["confirmed"]


def test_a_training_that_goes_wrong_on_another_part_leaves_the_defaults(
    tmp_path, fake, monkeypatch, capsys
):
    gains = {"feature_extraction": 0.2, "few_shot": 0.0, "fine_tuning": 0.0}
    monkeypatch.setattr(fake, "gains", gains)
    monkeypatch.setattr(fake, "broken", True)
    photos = plant_classes(tmp_path, 6)
    asked = {**QUICK, "quiet": False}
    _, found = tune(photos, study=tmp_path / "s", out=tmp_path / "run", trials=4, **asked)
    assert found["kept"] == found["default"] != found["winner"]
    assert "part 2 of train went wrong" in capsys.readouterr().err


def test_parts_of_train_are_apart_and_trained_without(tmp_path):
    judge = judge_of(plant_classes(tmp_path, 20))
    dataset = judge.dataset(judge.config)
    parts = [judge.divided(judge.config, part).holdout for part in range(judge.parts())]
    assert len(parts) == PARTS
    every = np.concatenate([part.select for part in parts])
    assert sorted(every) == sorted(dataset.indices("train"))
    for part in parts:
        assert not set(part.fit) & set(part.select)
        assert len(part.fit) + len(part.select) == len(every)
    found = [judge.run({}, 5, part=part) for part in (0, 1)]
    assert [len(one.errors) for one in found] == [len(part.select) for part in parts[:2]]


def test_few_trials_are_left_out_for_the_best_to_be_confirmed():
    study = SimpleNamespace(
        done=lambda: [trial(0, 0.5, 30.0, default=True), trial(1, 0.4, 90.0)],
        is_default=lambda one: one.default,
    )
    assert seconds_needed(study, 1200.0) == 4 * 120
    assert seconds_needed(study, 300.0) == 180
    study.done = lambda: [trial(0, 0.3, 30.0, default=True), trial(1, 0.4, 90.0)]
    assert seconds_needed(study, 1200.0) == 0


def trial(number, value, seconds, default=False):
    attributes = {"seconds": seconds}
    return SimpleNamespace(number=number, value=value, user_attrs=attributes, default=default)


def test_what_the_user_names_stays(tmp_path, fake):
    photos = plant_classes(tmp_path, 6)
    knobs = {"strategy": "fine_tuning", "mixup": 0.2, "time_budget": 5, **QUICK}
    run, found = tune(photos, study=tmp_path / "s", out=tmp_path / "r", trials=3, epochs=1, **knobs)
    assert not any("strategy" in trial["settings"] for trial in found["trials"][1:])
    assert run.config.strategy == "fine_tuning"
    assert not any("mixup" in trial["settings"] for trial in found["trials"])
    assert run.config.mixup == 0.2
    assert run.config.epochs == 1


def test_the_command_goes_on_with_its_study_and_writes_a_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    plant_classes(tmp_path, 8)
    flags = ["--data", "photos", "--image-size", "64", "--no-export", "--no-report", "--json"]
    flags += ["--search", "strategy", "augment", "--strategy", "feature_extraction"]
    assert main([*flags, "--trials", "2"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main([*flags, "--trials", "3"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert [t["number"] for t in second["trials"]] == [0, 1, 2]
    assert [t["loss"] for t in second["trials"][:2]] == [t["loss"] for t in first["trials"]]
    page = (tmp_path / "studies" / "photos" / "tune.html").read_text()
    assert "History" in page
    assert Run.open(second["run"]).info["state"] == "finished"


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--trials", "0"], "--trials is out of range"),
        (["--search", "rate"], "setting to search"),
        (["--data", "gone"], "no such data"),
        (["--bases", "nothing"], "base"),
        (["--study", "photos"], "--study is taken by something else"),
        (["--out", "photos"], "photos"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, flags, word):
    monkeypatch.chdir(tmp_path)
    plant_classes(tmp_path, 4)
    assert main(["--data", "photos", *flags]) == 2
    assert word in capsys.readouterr().err
    assert not (tmp_path / "studies").exists()


def test_without_optuna_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    photos = plant_classes(tmp_path, 4)
    with pytest.raises(UserError, match=r"keras_transfer\[tune\]"):
        tune(photos, study=tmp_path / "s", trials=1, **QUICK)
