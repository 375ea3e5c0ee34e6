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
from keras_transfer.errors import UserError, out_of_range
from keras_transfer.features.store import open_store
from keras_transfer.strategies import settle_config
from keras_transfer.tasks import find_task
from keras_transfer.train import check, check_target, choose_target, run_transfer
from keras_transfer.tuning.confirm import best_and_default, compare, seconds_needed
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
    named = [name for name in names if _is_named(name, config)]
    check(config)
    source = read_source(data, config.task, config.modality)
    config, task = settle_config(config, source), find_task(source.task)
    names = _with_meaning(names, named, search, task)
    start = Chosen(config, {}, tuple(candidates), task)
    folder = Path(folder) if folder else Path("studies") / source.name
    part = training_source(source, config.seed, config.LEAST_EXAMPLES)
    facts = _facts(config, part, names, candidates)
    study = Study(folder, facts, first_trials(names, start), config.seed)
    judge = Judge(part, config, check, open_store(config.cache_features, config.feature_precision))
    try:
        _run_trials(study, judge, start, names, budget, deadline)
        found = {"study": str(folder), **outcome(study, judge, start, deadline)}
    finally:
        study.close()
    progress.say(found["reason"])
    kept = study.trials()[found["kept"]]
    winner = judge.settings(values_of(kept, start))
    target = choose_target(out, source.name, winner)
    return run_transfer(winner, data, target), found


def _is_named(name, config):
    """Whether the user has named a setting themself: then it stays."""
    default = {"strategy": AUTO}.get(name, {f.name: f.default for f in fields(config)}.get(name))
    return getattr(config, name, default) != default


def _with_meaning(names, named, search, task):
    """`names` without those that were `named`; what `search` asks for has to fit the task."""
    for name in search:
        if name in task.without_meaning:
            reason = task.without_meaning[name][1]
            raise UserError(f"--search {name} has no meaning for --task {task.name}", name, reason)
    return tuple(name for name in names if name not in {*named, *task.without_meaning})


def _check_budget(budget):
    for name, (low, high) in LIMITS.items():
        if not low <= budget[name] <= high:
            raise out_of_range(name, budget[name], low, high)


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


def _run_trials(study, judge, start, names, budget, deadline):
    """Trials until there are so many, or only so much time is left as confirming the best takes."""
    most, seconds = budget["trials"], 60 * budget["time_budget"]
    pruned = study.optuna.TrialPruned
    with progress.bar("Trials", most) as advance:
        advance(min(most, study.finished()))
        repeated = 0
        while study.finished() < most:
            begun, end = time.monotonic(), deadline - seconds_needed(study, seconds)
            if begun > end:
                return
            trial = study.ask()
            values = _values(trial, names, start)

            def report(share, loss, trial=trial):
                trial.report(loss, round(100 * share))
                if trial.should_prune():
                    raise pruned

            minutes, earlier = (end - begun) / 60, study.earlier(trial)
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


def outcome(study, judge, start, deadline):
    """What a study has found: `trials`, `default`, `winner`, `kept`, `confirmed` and the `reason`.

    Args:
        judge: `trial.Judge`; start: Chosen without values; deadline: of `confirm.compare`.
    """
    trials = [trial for trial in study.trials() if COPY not in trial.user_attrs]
    pair = best_and_default(study)
    if pair is None:
        reasons = {trial.user_attrs.get("reason", "") for trial in trials}
        advice = "Give more --time-budget, or search something else"
        raise UserError("no trial was finished", "; ".join(sorted(reasons)) or "no time", advice)
    best, default = pair
    found = {"trials": [_row(trial) for trial in trials], "winner": best.number}
    found |= {"default": default.number, "confirmed": None}
    if best.number == default.number:
        return {**found, "kept": default.number, "reason": "no trial was better than the defaults"}
    values = lambda trial: values_of(trial, start)  # noqa: E731
    compared = compare(study, judge, values, deadline, judge.config.seed)
    kept = best if compared.more_than_chance else default
    found |= {"kept": kept.number, "confirmed": compared._asdict()}
    return {**found, "reason": _reason(study, best, compared)}


def _reason(study, best, compared):
    """A sentence on why the best trial is trained, or the defaults are; a warning then."""
    where = "other training examples" if compared.fresh else "held-out training examples"
    text = (
        f"trial {best.number}, the best of {len(study.done())}, has an error of "
        f"{compared.best:.4f} on {compared.examples} {where}, the defaults {compared.default:.4f}"
    )
    if compared.more_than_chance:
        return f"{text}: better by more than chance, so it is trained"
    text = f"{text}: within the noise, so the defaults are trained"
    progress.warn(text)
    return text


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
