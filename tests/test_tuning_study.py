"""The study of a search: repeatable, resumable after a kill, shared by processes."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.tuning.space import DEFAULT, check_search, first_trials, suggest
from keras_transfer.tuning.study import FIXED, Study
from tests.support.tuning import START

pytest.importorskip("optuna")


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
from tests.test_tuning_study import loss_of, opened
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
