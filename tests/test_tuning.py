"""The search of settings: repeatable, resumable, judged inside train, honest about noise."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from keras_transfer.choosing.candidates import Candidate
from keras_transfer.cli.tune import main
from keras_transfer.config import make_config
from keras_transfer.errors import UserError
from keras_transfer.run.folder import Run
from keras_transfer.strategies import check_strategy
from keras_transfer.strategies.common.judging import Judgement
from keras_transfer.tasks.classification import Classification
from keras_transfer.tasks.detection import Detection
from keras_transfer.tasks.multilabel import Multilabel
from keras_transfer.tasks.regression import Regression
from keras_transfer.tasks.segmentation import Segmentation
from keras_transfer.tuning import search, tune
from keras_transfer.tuning.confirm import seconds_needed
from keras_transfer.tuning.space import (
    DEFAULT,
    SEARCH,
    Chosen,
    check_search,
    first_trials,
    parts_of,
    suggest,
)
from keras_transfer.tuning.study import FIXED, Study
from keras_transfer.tuning.trial import PARTS, Judge
from tests.support.dense import plant_squares
from tests.support.drawing import KINDS, plant_classes

optuna = pytest.importorskip("optuna")
BASES = (Candidate("efficientnet_lite0"), Candidate("mobilenet", "some.h5"))
START = Chosen(make_config(strategy="fine_tuning"), {}, BASES, Classification)
QUICK = {"image_size": 64, "export": False, "report": False, "quiet": True}


# --- the space


def test_every_suggestion_is_a_configuration_that_a_strategy_takes():
    study, seen = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)), Counter()
    for _ in range(150):
        values = suggest(study.ask(), tuple(SEARCH), START)
        config = make_config(**values)
        check_strategy(config)
        assert config.weights == ("auto" if config.base == "efficientnet_lite0" else "some.h5")
        seen[config.strategy] += 1
        assert ("learning_rate" in values) == (config.strategy == "fine_tuning")
    assert set(seen) == {"feature_extraction", "fine_tuning", "few_shot"}


def test_names_to_search():
    assert check_search(()) == tuple(name for name in SEARCH if name in DEFAULT)
    assert check_search(("mixup", "strategy")) == ("strategy", "mixup")
    with pytest.raises(UserError, match="learning_rate"):
        check_search(("learningrate",))


def test_the_defaults_come_first_then_each_strategys_own():
    found = first_trials(DEFAULT, START)
    strategies = [one["strategy"] for one, fixed in found if fixed]
    assert strategies == ["fine_tuning", "feature_extraction", "few_shot"]
    near = [one for one, fixed in found if not fixed]
    part = "trainable of efficientnet_lite0"
    assert [one[part] for one in near] == ["all", "block6", "block6"]
    assert [one["augment"] for one in near] == ["light", "none", "standard"]
    several = START._replace(task=Multilabel)
    assert len([one for one, fixed in first_trials(DEFAULT, several) if fixed]) == 2
    assert len(first_trials(("mixup",), START)) == 1
    whole = START._replace(task=Regression)
    assert next(one[part] for one, fixed in first_trials(DEFAULT, whole) if not fixed) == "block6"


def test_what_comes_first_is_among_what_is_searched():
    study = optuna.create_study()
    for parameters, fixed in first_trials(DEFAULT, START):
        study.enqueue_trial(parameters)
        trial = study.ask()
        suggest(trial, ("strategy",) if fixed else check_search(()), START)
        assert trial.params == parameters


def test_parts_of_every_base_are_parts_of_it():
    from keras_transfer.bases.table import BASES

    for name, base in BASES.items():
        for task in (Classification, Regression, Segmentation):
            *stages, whole = parts_of(START._replace(values={"base": name}, task=task))
            assert whole == "all"
            assert task.usual_part(base) in [*stages, "all"]
            assert stages == [stage for stage, _ in base.stages if stage in stages]


def test_the_usual_part_of_a_segmentation_begins_lower():
    part = "trainable of efficientnet_lite0"
    near = first_trials(DEFAULT, START._replace(task=Segmentation))
    assert [one[part] for one, fixed in near if not fixed] == ["all", "block5", "block5"]


# --- the study


def opened(folder, seed=0, **facts):
    return Study(folder, {"data": "here", **facts}, first_trials(DEFAULT, START), seed)


def loss_of(trial):
    """A loss without any training: of a smooth landscape."""
    names = ("strategy",) if trial.user_attrs.get(FIXED) else check_search(())
    values = suggest(trial, names, START)
    return abs(np.log10(values.get("learning_rate", 1e-3)) + 3.5) + len(values["strategy"]) / 100


def trials_of(study, count):
    for _ in range(count):
        trial = study.ask()
        study.tell(trial, loss_of(trial), errors=np.zeros(3))
    return [trial.params for trial in study.trials()]


def test_the_same_seed_tries_the_same_also_after_an_interruption(tmp_path):
    whole = trials_of(opened(tmp_path / "one"), 12)
    trials_of(opened(tmp_path / "two"), 5)
    parts = trials_of(opened(tmp_path / "two"), 7)
    assert whole == parts
    assert trials_of(opened(tmp_path / "three", seed=1), 12) != whole


def test_a_study_of_something_else_is_refused(tmp_path):
    opened(tmp_path / "one")
    with pytest.raises(UserError, match="data: here there, elsewhere now"):
        Study(tmp_path / "one", {"data": "elsewhere"}, [], 0)


CHILD = """
import sys, time
sys.path[:0] = [{root!r}]
from tests.test_tuning import loss_of, opened
study = opened({folder!r})
while study.finished() < 40:
    trial = study.ask()
    time.sleep(0.05)
    study.tell(trial, loss_of(trial))
"""


@pytest.mark.slow
def test_killed_ten_times_no_finished_trial_is_lost_and_none_runs_twice(tmp_path):
    folder, generator = tmp_path / "study", np.random.default_rng(0)
    code = CHILD.format(root=str(os.getcwd()), folder=str(folder))
    opened(folder)
    finished = {}
    for _ in range(10):
        child = subprocess.Popen([sys.executable, "-c", code])
        time.sleep(generator.uniform(1.0, 4.0))
        child.send_signal(signal.SIGKILL)
        child.wait()
        now = {t.number: t.value for t in opened(folder).trials() if t.state.name == "COMPLETE"}
        assert finished.items() <= now.items()
        finished = now
    subprocess.run([sys.executable, "-c", code], check=True)
    trials = opened(folder).trials()
    done = [trial for trial in trials if trial.state.name == "COMPLETE"]
    assert len(done) == 40
    interrupted = [t for t in trials if t.user_attrs.get("reason") == "interrupted"]
    assert len(trials) == len(done) + len(interrupted)  # each of those ran again, once
    assert not [trial for trial in trials if trial.state.name == "RUNNING"]


def test_a_trial_of_another_process_is_left_alone(tmp_path):
    first = opened(tmp_path)
    running = first.ask()
    second = opened(tmp_path)
    assert second.ask().number != running.number
    first.close()  # as when its process ends
    third = opened(tmp_path)
    states = {trial.number: trial.state.name for trial in third.trials()}
    assert states[running.number] == "FAIL"
    assert any(t.state.name == "WAITING" and t.params == running.params for t in third.trials())


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
