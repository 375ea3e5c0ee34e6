"""Runs beside each other: on the same examples, each pair tested, and what each costs."""

from pathlib import Path

import numpy as np

from keras_transfer.errors import UserError, count
from keras_transfer.evaluate.intervals import group_numbers, has_groups
from keras_transfer.evaluate.paired import compare_pairs
from keras_transfer.evaluate.splits import FEW
from keras_transfer.run.folder import Run
from keras_transfer.run.judged import judged
from keras_transfer.run.scored import read_scored

SPLITS = ("test", "val")  # the first that the runs share is compared: val may have selected


def compare_runs(folders, split=None, seed=0):
    """How good runs are on the examples that all of them scored, and which is better.

    Args:
        folders: of two finished runs or more, of one task with the same outputs.
        split: val or test; by default test where the runs share it.
        seed: of intervals and tests.

    Returns:
        A dict for JSON: task, split, examples, groups, skipped, headline, paired_score, exact,
        test, notes, best; `runs` (best first): name, score, paired_score, costs; `pairs` (the
        better one first, those with the best run before others): one, other, difference, p_value,
        p_holm, more_than_chance.

    Raises:
        UserError: there is nothing to compare.
    """
    every = _open(folders)
    _check_alike(every)
    split, every, skipped = _shared(every, split)
    names, scored = list(every), list(every.values())
    task, groups, parts = scored[0].task, _groups(scored), judged(every)
    scores = [one.example_scores(targets, found) for one, targets, found in parts]
    scores = np.stack(scores, axis=1)
    order = np.argsort(-scores.mean(axis=0), kind="stable")
    pairs = [(int(a), int(b)) for i, a in enumerate(order) for b in order[i + 1 :]]
    compared = compare_pairs(scores, pairs, task.exact_scores, groups, seed)
    means = scores.mean(axis=0)
    return {
        "schema": 1,
        "task": task.name,
        "split": split,
        "examples": len(scores),
        "groups": int(group_numbers(groups).max()) + 1 if has_groups(groups, len(scores)) else None,
        "skipped": skipped,
        "headline": task.headline,
        "paired_score": task.paired_score or task.headline,
        "exact": task.exact_scores,
        "test": compared[0].test,
        "notes": _notes(every, split, len(scores)),
        "best": names[order[0]],
        "runs": [
            {
                "name": names[i],
                **_facts(scored[i], split),
                "score": _score(*parts[i], groups, seed),
                "paired_score": float(means[i]),
                **_costs(scored[i].run),
            }
            for i in order
        ],
        "pairs": [
            {"one": names[a], "other": names[b], **_as_json(difference)}
            for (a, b), difference in zip(pairs, compared, strict=True)
        ],
    }


def _score(task, targets, predictions, groups, seed):
    return task.score(targets, predictions, groups, seed)[task.headline]


def _as_json(difference):
    return {
        "difference": {"value": difference.value, "low": difference.low, "high": difference.high},
        "p_value": difference.p_value,
        "p_holm": difference.p_holm,
        "more_than_chance": difference.more_than_chance,
    }


def _open(folders):
    """{name: Scored} of the folders, under names that differ."""
    if len(folders) < 2:
        advice = "Name the folders of two or more"
        raise UserError("a comparison needs two runs", count(len(folders), "run"), advice)
    runs, seen = [Run.open(folder) for folder in folders], {}
    for run in runs:
        place = run.folder.resolve()
        if place in seen:
            raise UserError("the same run twice", run.folder, "Name different runs")
        seen[place] = run
    names = [run.folder.resolve().name for run in runs]
    unique = len(set(names)) == len(names)
    every = {
        name if unique else str(Path(run.folder)): read_scored(run)
        for run, name in zip(runs, names, strict=True)
    }
    return every


def _check_alike(every):
    """Refuse runs that predict different things."""
    (first, one), *others = ((name, scored.task) for name, scored in every.items())
    for name, other in others:
        if one.name != other.name:
            found = f"{first}: {one.name}, {name}: {other.name}"
            raise UserError("runs of different tasks cannot be compared", found)
        unlike = set(one.outputs) ^ set(other.outputs)
        if unlike:
            found = f"only one of {first} and {name} has {min(unlike)}"
            raise UserError("runs with different outputs cannot be compared", found)


def _shared(every, split):
    """(split, {name: Scored of the examples that all scored, in one order}, what was skipped)."""
    wanted = SPLITS if split is None else (split,)
    trained = frozenset().union(*(s.trained for s in every.values()))
    for name in wanted:
        tables = {run: _keyed(scored.of_split(name).table) for run, scored in every.items()}
        scored = [set(table.index) for table in tables.values()]
        everywhere = set.intersection(*scored)
        keys = sorted(key for key in everywhere if key[0] not in trained)
        if keys:
            skipped = {
                "not_scored_by_all": len(set.union(*scored) - everywhere),
                "trained_a_run": len(everywhere) - len(keys),
            }
            shared = {run: every[run].of(table.loc[keys]) for run, table in tables.items()}
            return name, shared, skipped
    advice = "Train them on the same splits: the same --data and --seed"
    raise UserError(f"the runs scored no common example of {' or '.join(wanted)}", "", advice)


def _keyed(table):
    """Rows by (content, number): of examples with one content labels tell which is which."""
    table = table.sort_values(["sha256", "label"], kind="stable")
    return table.set_index([table["sha256"], table.groupby("sha256").cumcount()])


def _groups(every):
    """Groups (n,) of the examples: of the first run that tells some; None where none does."""
    for scored in every:
        groups = scored.table["group"].to_numpy()
        if scored.has_groups and has_groups(groups, len(groups)):
            return groups
    return None


def _notes(every, split, examples):
    """What somebody should know who reads the comparison."""
    notes = []
    selected = [name for name, s in every.items() if s.run.info.get("selected_on") == split]
    if selected:
        notes.append(
            f"{split} selected something in {', '.join(selected)}: it looks too good there"
        )
    if not any(s.has_groups for s in every.values()):
        notes.append("these runs do not record groups: each example counts on its own")
    if examples < FEW:
        notes.append(f"only {count(examples, 'example')}: small differences cannot show")
    machines = {
        str(entry.get("machine"))
        for s in every.values()
        for entry in s.run.certificate.get("files", {}).values()
        if "latency_ms" in entry
    }
    if len(machines) > 1:
        notes.append("latencies were measured on different machines")
    return notes


def _facts(scored, split):
    return {
        "folder": str(scored.run.folder),
        "base": scored.spec.base,
        "strategy": scored.run.config.strategy,
        "used_for_selection": scored.run.info.get("selected_on") == split,
    }


def _costs(run):
    """Seconds of each step of the training; bytes and milliseconds of each exported file."""
    exports = {}
    for name, entry in run.certificate.get("files", {}).items():
        latency = entry.get("latency_ms") or {}
        exports[name] = {
            "bytes": entry["bytes"],
            "latency_ms": latency.get("median"),
            "passed": entry.get("passed"),
        }
    return {"seconds": run.metrics["seconds"], "exports": exports}
