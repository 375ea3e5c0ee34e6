"""Trials on disk: an Optuna study in SQLite that goes on after a kill, and that two may share."""

import contextlib
import fcntl
import json
import logging
import warnings
from pathlib import Path

import numpy as np

from keras_transfer.environment import atomic_write
from keras_transfer.errors import UserError

FILE, NAME = "study.sqlite", "tune"
STARTUP = 8  # trials at random before TPE
COPY = "copy"  # of a trial whose settings another had before
FIXED = "fixed"  # of a trial whose other settings are the defaults


def load_optuna():
    """The package, quiet; a UserError where it is not installed."""
    try:
        import optuna
    except ImportError:
        advice = "pip install 'keras_transfer[tune]'"
        raise UserError("tune needs an extra", "not installed: optuna", advice) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    return optuna


class Study:
    """A folder of trials.

    Args:
        folder: made where it is missing; facts: dict that says what is searched, on what: a study
            with others is refused.
        first: (parameters, whether all other settings are the defaults) of the trials that come
            first, the defaults before all; seed: of all that is drawn.
    """

    def __init__(self, folder, facts, first, seed):
        self.optuna, self.folder, self.seed = load_optuna(), Path(folder), seed
        self.default = first[0][0] if first else {}
        self._locks = {}
        if self.folder.exists() and not (self.folder / FILE).exists() and _is_taken(self.folder):
            advice = "Name another folder"
            raise UserError("--study is taken by something else", folder, advice)
        (self.folder / "trials").mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{(self.folder / FILE).resolve()}"
        storage = self.optuna.storages.RDBStorage(
            url, engine_kwargs={"connect_args": {"timeout": 60}}
        )
        pruner = self.optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=30)
        made = {"storage": storage, "study_name": NAME, "direction": "minimize"}
        with self._alone():
            self.study = self.optuna.create_study(**made, pruner=pruner, load_if_exists=True)
            known = self.study.user_attrs.get("facts")
            if known is None:
                self.study.set_user_attr("facts", facts)
                for parameters, fixed in first:
                    self.study.enqueue_trial(
                        parameters, user_attrs={FIXED: True} if fixed else None
                    )
            elif known != json.loads(json.dumps(facts)):
                raise _other(folder, known, facts)
            self._take_up_abandoned()

    @contextlib.contextmanager
    def _alone(self):
        """While nobody else opens this study."""
        with open(self.folder / "lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _take_up_abandoned(self):
        """Put back what a killed process had begun: whoever runs a trial holds its lock."""
        for trial in self.trials():
            if trial.state.name == "RUNNING" and self._lock(trial.number):
                self.study._storage.set_trial_user_attr(trial._trial_id, "reason", "interrupted")
                self.study.tell(trial.number, state=self.optuna.trial.TrialState.FAIL)
                fixed = {FIXED: True} if trial.user_attrs.get(FIXED) else None
                self.study.enqueue_trial(trial.params, user_attrs=fixed)
                self._unlock(trial.number)

    def _lock(self, number):
        """Whether this process has got the lock of a trial."""
        file = open(self.folder / "trials" / f"{number:03}.lock", "w")  # noqa: SIM115 - while it runs
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._locks[number] = file
        return True

    def _unlock(self, number):
        self._locks.pop(number).close()
        (self.folder / "trials" / f"{number:03}.lock").unlink(missing_ok=True)

    def trials(self):
        """All trials, as Optuna has them."""
        return self.study.get_trials(deepcopy=False)

    def finished(self):
        """How many trials are over, whatever came of them; interrupted ones run again."""
        return sum(trial.state.is_finished() and _counts(trial) for trial in self.trials())

    def earlier(self, trial):
        """The finished trial with the same settings as this one; None where there is none."""
        drawn = self.study.get_trials(deepcopy=False)[trial.number].params
        alike = [t for t in self.trials() if t.state.name == "COMPLETE" and t.params == drawn]
        return alike[0] if alike else None

    def copy(self, trial, other):
        """Give a trial the result of an earlier one with its settings; it is not counted."""
        trial.set_user_attr(COPY, other.number)
        self.tell(trial, other.value, f"as trial {other.number}", self.errors(other.number))

    def ask(self):
        """The next trial. What it draws depends on the seed, its number and those before it."""
        with self._alone():
            number = len(self.trials())
            waiting = [t.number for t in self.trials() if t.state.name == "WAITING"]
            place = min(waiting, default=number)
            self.study.sampler = self._sampler(self.seed + 1000 * place)
            trial = self.study.ask()
            self._lock(trial.number)
        return trial

    def _sampler(self, seed):
        settings = {"n_startup_trials": STARTUP, "multivariate": True, "group": True}
        with warnings.catch_warnings():  # that these may change in a later version
            warnings.simplefilter("ignore", self.optuna.exceptions.ExperimentalWarning)
            sampler = self.optuna.samplers.TPESampler
            return sampler(seed=seed, **settings)

    def tell(self, trial, loss=None, reason="", errors=None, pruned=False):
        """Keep what came of a trial.

        Args:
            loss: None where it failed, or was stopped early (`pruned`), for a reason.
            errors: (n,) of each example, for a paired comparison.
        """
        states = self.optuna.trial.TrialState
        if errors is not None:
            self.keep_errors(trial.number, errors)
        if reason:
            trial.set_user_attr("reason", reason)
        if loss is not None:
            self.study.tell(trial, loss)
        else:
            self.study.tell(trial, state=states.PRUNED if pruned else states.FAIL)
        self._unlock(trial.number)

    def done(self):
        """Trials that have a loss, copies left out."""
        return [t for t in self.trials() if t.state.name == "COMPLETE" and COPY not in t.user_attrs]

    def is_default(self, trial):
        """Whether it is the one with the defaults."""
        return trial.user_attrs.get(FIXED) and trial.params == self.default

    def errors(self, number, part=0):
        """The errors (n,) of a finished trial on a part of train; None where it was not judged."""
        file = self._errors_file(number, part)
        return np.load(file) if file.exists() else None

    def keep_errors(self, number, errors, part=0):
        """Keep what `errors` gives."""
        # an open file, since numpy would add an ending to the name
        with atomic_write(self._errors_file(number, part)) as fresh, open(fresh, "wb") as file:
            np.save(file, errors)

    def _errors_file(self, number, part):
        name = f"{number:03}-part-{part + 1}" if part else f"{number:03}"
        return self.folder / "trials" / f"{name}.npy"

    def close(self):
        """Let go of what is still held."""
        for number in list(self._locks):
            self._unlock(number)


def _is_taken(folder):
    """Whether a place holds something that is no study of ours."""
    return not folder.is_dir() or any(
        file.name not in ("trials", "lock") for file in folder.iterdir()
    )


def _counts(trial):
    """Whether a finished trial is one of those that were asked for."""
    interrupted = trial.user_attrs.get("reason") == "interrupted"
    return not interrupted and COPY not in trial.user_attrs


def _other(folder, known, facts):
    """The UserError for a study of something else."""
    key = next(key for key in {**known, **facts} if known.get(key) != facts.get(key))
    found = f"{key}: {known.get(key)} there, {facts.get(key)} now"
    return UserError(
        f"{folder} holds a study of something else", found, "Name another with --study"
    )
