"""The whole way of `tune`: trials until the budget ends, a comparison, the winner's training."""

import time
from dataclasses import fields
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.choosing.candidates import find_candidates
from keras_transfer.config import make_config
from keras_transfer.data.sources.specs import read_source
from keras_transfer.data.training_part import training_source
from keras_transfer.errors import UserError
from keras_transfer.evaluate.paired import CHANCE, best_p_value
from keras_transfer.features.store import open_store
from keras_transfer.strategies import settle_strategy
from keras_transfer.tasks import find_task
from keras_transfer.train import check, check_target, choose_target, run_transfer
from keras_transfer.tuning.space import Chosen, check_search, first_trials, suggest, with_weights
from keras_transfer.tuning.study import COPY, FIXED, Study
from keras_transfer.tuning.trial import Judge

LIMITS = {"trials": (1, 100_000), "time_budget": (0.01, 1e6)}
AUTO = "auto"
EXHAUSTED = 30  # times in a row that a search draws what it has tried


def run_search(data, knobs, folder, out, budget, search, bases):
    """(Run, dict) of `tune`.

    Args:
        data: what is read; knobs: fields of TrainConfig, `data` among them.
        folder: of the study, None for the usual one; out: of the run.
        budget: {"trials", "time_budget": minutes}; search, bases: as of `tune`.
    """
    deadline = time.monotonic() + 60 * budget["time_budget"]
    _check_budget(budget)
    check_target(out, False)
    names, candidates = check_search(search), find_candidates(bases)[0] if bases else ()
    knobs = {name: value for name, value in knobs.items() if name != "time_budget"}
    config = make_config(**{"strategy": AUTO, **knobs})
    names = tuple(name for name in names if not _is_named(name, config))
    check(config)
    source = read_source(data, config.task, config.modality)
    config = settle_strategy(config, source)
    task = find_task(source.task)
    start = Chosen(config, {}, tuple(candidates), task.has_exclusive_classes())
    folder = Path(folder) if folder else Path("studies") / source.name
    part = training_source(source, config.seed, config.LEAST_EXAMPLES)
    facts = _facts(config, part, names, candidates)
    study = Study(folder, facts, first_trials(names, start), config.seed)
    judge = Judge(part, config, check, open_store(config.cache_features, config.feature_precision))
    try:
        _run_trials(study, judge, start, names, budget["trials"], deadline)
    finally:
        study.close()
    found = {"study": str(folder), **outcome(study, judge.groups(), config.seed)}
    progress.say(found["reason"])
    kept = study.trials()[found["kept"]]
    winner = judge.settings(values_of(kept, start))
    target = choose_target(out, source.name, winner)
    return run_transfer(winner, data, target), found


def _is_named(name, config):
    """Whether the user has named a setting themself: then it stays."""
    default = {"strategy": AUTO}.get(name, {f.name: f.default for f in fields(config)}.get(name))
    return getattr(config, name, default) != default


def _check_budget(budget):
    for name, (low, high) in LIMITS.items():
        if not low <= budget[name] <= high:
            flag = "--" + name.replace("_", "-")
            raise UserError(f"{flag} is out of range", budget[name], f"Allowed: {low} to {high}")


def _facts(config, part, names, candidates):
    """What makes a study another one, as JSON takes it."""
    settings = {field.name: getattr(config, field.name) for field in fields(config)}
    without = {"tensorboard", "export", "report", "time_budget", "cache_features"}
    settings = {name: str(value) for name, value in settings.items() if name not in without}
    table = part.table[["shown", "label"]].astype(str)
    return {
        "examples": len(table),
        "data": str(hash_of(table)),
        "search": list(names),
        "bases": [one.name for one in candidates],
        **settings,
    }


def hash_of(table):
    """A number for names and labels of examples, whatever their order."""
    from pandas.util import hash_pandas_object

    return int(np.bitwise_xor.reduce(hash_pandas_object(table, index=False).to_numpy()))


def _run_trials(study, judge, start, names, most, deadline):
    """Trials until there are so many, or the time is over."""
    pruned = study.optuna.TrialPruned
    with progress.bar("Trials", most) as advance:
        advance(min(most, study.finished()))
        repeated = 0
        while study.finished() < most and time.monotonic() < deadline:
            trial = study.ask()
            begun, values = time.monotonic(), _values(trial, names, start)

            def report(share, loss, trial=trial):
                trial.report(loss, round(100 * share))
                if trial.should_prune():
                    raise pruned

            minutes, earlier = (deadline - begun) / 60, study.earlier(trial)
            if earlier is not None:
                study.copy(trial, earlier)
                repeated += 1
                if repeated == EXHAUSTED:
                    progress.say("nothing else is left to try")
                    return
                continue
            repeated = 0
            try:
                with progress.quietly(True):
                    found = judge.run(values, minutes, report)
            except pruned:
                study.tell(trial, reason="worse than the others at this point", pruned=True)
            except UserError as error:
                study.tell(trial, reason=str(error))
            else:
                _keep(study, trial, found, begun)
            _say(study, trial.number, values)
            advance()


def _values(trial, names, start):
    """{setting: value} of a trial; a fixed one has its strategy, and the defaults for the rest."""
    if trial.user_attrs.get(FIXED):
        names = ("strategy",)
    return suggest(trial, names, start)


def _keep(study, trial, found, begun):
    trial.set_user_attr("metric", float(found.metric))
    trial.set_user_attr("seconds", round(time.monotonic() - begun, 1))
    study.tell(trial, float(found.loss), errors=np.asarray(found.errors))


def values_of(trial, start):
    """{setting: value} of a trial that is over."""
    values = {name.split(" of ")[0]: value for name, value in trial.params.items()}
    return with_weights(values, start.bases)


def _say(study, number, values):
    """A line on what came of a trial."""
    trial = study.trials()[number]
    what = ", ".join(
        f"{name} {_text(value)}" for name, value in values.items() if name != "weights"
    )
    loss = f"{trial.value:.4f}" if trial.value is not None else trial.user_attrs.get("reason", "")
    progress.say(f"trial {number}: {loss} ({what})")


def _text(value):
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def outcome(study, groups, seed):
    """What a study has found: `trials`, `default`, `winner`, `kept` and the `reason`.

    Args:
        groups: of the examples that trials are judged by; seed: of the test.
    """
    trials = study.trials()
    trials = [trial for trial in trials if COPY not in trial.user_attrs]
    done = [trial for trial in trials if trial.state.name == "COMPLETE"]
    if not done:
        reasons = {trial.user_attrs.get("reason", "") for trial in trials}
        advice = "Give more --time-budget, or search something else"
        raise UserError("no trial was finished", "; ".join(sorted(reasons)) or "no time", advice)
    best = min(done, key=lambda trial: (trial.value, trial.number))
    default = next((trial for trial in done if trial.user_attrs.get(FIXED)), best)
    found = {"trials": [_row(trial) for trial in trials], "winner": best.number}
    found["default"] = default.number
    return {**found, **_decide(study, done, default, groups, seed)}


def _decide(study, done, default, groups, seed):
    """{"kept", "reason"}: the winner where it is better than the defaults by more than chance.

    The more trials there were, the better the best of them has to be.
    """
    best = min(done, key=lambda trial: (trial.value, trial.number))
    if best.number == default.number:
        return {"kept": default.number, "reason": "no trial was better than the defaults"}
    own = study.errors(default.number)
    others = [study.errors(trial.number) for trial in done if trial is not default]
    p_value = best_p_value(own[:, None] - np.stack(others, axis=1), groups, seed)
    text = (
        f"trial {best.number}, the best of {len(done)}, lowers the squared error on {len(own)} "
        f"held-out examples from {default.value:.4f} to {best.value:.4f}"
    )
    if p_value < CHANCE:
        return {"kept": best.number, "reason": f"{text}, more than chance: it is trained"}
    progress.warn(f"{text}: within the noise, so the defaults are trained")
    return {"kept": default.number, "reason": f"{text}: within the noise, the defaults are trained"}


def _row(trial):
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "settings": {name.split(" of ")[0]: value for name, value in trial.params.items()},
        "loss": trial.value if trial.state.name == "COMPLETE" else None,
        "metric": trial.user_attrs.get("metric"),
        "seconds": trial.user_attrs.get("seconds"),
        "reason": trial.user_attrs.get("reason"),
    }
