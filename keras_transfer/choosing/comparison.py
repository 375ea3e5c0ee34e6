"""The whole way of `choose`: candidates, their race, what they cost, and which one to take."""

import time

from keras_transfer import progress
from keras_transfer.bases.table import BASES
from keras_transfer.choosing.candidates import (
    cheapness,
    command,
    find_candidates,
    missing_row,
)
from keras_transfer.choosing.contender import contender, difference
from keras_transfer.choosing.costs import measure_cost, remembered_cost
from keras_transfer.choosing.race import race
from keras_transfer.choosing.sample import TrainingSample
from keras_transfer.config import IN_MEMORY
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError, out_of_range
from keras_transfer.features.store import open_store
from keras_transfer.tasks import find_task

LIMITS = {"max_mib": (0.01, 1e6), "max_ms": (0.01, 1e6), "time_budget": (0.01, 1e6)}
UNITS = {"mib": "MiB", "ms": "ms"}
KIND = "int8"  # of file that limits are for: what a phone gets


def compare_bases(data, spec, bases, task, limits, max_skipped, seed):
    """The dict of `choose`.

    Args:
        data: what is read; spec: how a command names it.
        limits: {"max_mib", "max_ms": a number or None, "time_budget": minutes}.
    """
    deadline = time.monotonic() + 60 * limits["time_budget"]
    _check_limits(limits)
    candidates, missing = find_candidates(bases)
    source = read_source(data, task)
    if find_task(source.task).taps:
        advice = "Train with the bases that fit your limits, and compare the runs"
        raise UserError("choose compares heads on pooled features", f"task {source.task}", advice)
    sample = TrainingSample(source, seed, max_skipped)
    running = [contender(one, sample, spec, seed) for one in sorted(candidates, key=cheapness)]
    costs, features = Costs(deadline), open_store()
    if any(limits[f"max_{unit}"] is not None for unit in UNITS):
        for one in running:
            one.why_out = _beyond(costs.of(one, needed=True), limits)
    race(running, sample.sizes, features, deadline)
    rows = [row(one, costs, features, seed) for one in running]
    best = best_of(running)
    return {
        "recommended": best.name if best else None,
        "reason": reason(best, running, rows, limits),
        "command": command(best.candidate, spec) if best and spec != IN_MEMORY else None,
        "headline": sample.task.headline,
        "examples": sample.total,
        "bases": rows + [missing_row(name, how) for name, how in missing.items()],
    }


def _check_limits(limits):
    for name, (low, high) in LIMITS.items():
        if limits[name] is not None and not low <= limits[name] <= high:
            raise out_of_range(name, limits[name], low, high)


class Costs:
    """What bases cost, measured where it is not remembered and there is time.

    Args:
        deadline: `time.monotonic()` at which measuring is to be over.
    """

    def __init__(self, deadline):
        self.deadline, self._longest, self._found = deadline, 0.0, {}

    def of(self, one, needed=False):
        """As of `costs.measure_cost`; None where it is not known and there is no time.

        Args:
            needed: whether it is measured in any case.
        """
        if one.name not in self._found:
            size = BASES[one.name].image_size
            found = remembered_cost(one.name, size)
            if found is None and (needed or self._there_is_time()):
                begun = time.monotonic()
                progress.say(f"{one.name}: measuring its TFLite files")
                found = measure_cost(one.name, size)
                self._longest = max(self._longest, time.monotonic() - begun)
            self._found[one.name] = found
        return self._found[one.name]

    def _there_is_time(self):
        return time.monotonic() + 2 * self._longest < self.deadline


def _beyond(cost, limits):
    """Why a base is out at once: its file is beyond a limit; empty where it is not."""
    file = cost[KIND]
    if file is None:
        return f"there is no {KIND} file of it"
    for unit, name in UNITS.items():
        limit = limits[f"max_{unit}"]
        if limit is not None and file[unit] > limit:
            return f"{file[unit]:.1f} {name}, more than {limit:g}"
    return ""


def best_of(running):
    """The Contender to recommend: the best score on the most examples; None where all are out."""
    seen = [one for one in running if one.found and not one.why_out]
    return max(seen, key=lambda one: (one.size, one.score), default=None)


def row(one, costs, features, seed):
    """What `choose` tells of a Contender."""
    cost = costs.of(one) or dict.fromkeys(("float32", KIND))
    file = cost[KIND] or dict.fromkeys(UNITS)
    with progress.quietly(True):  # what is stored already takes no time
        scores = one.head(features, seed) if one.found else {}
    headline = one.sample.task.headline
    return {
        "name": one.name,
        "weights": one.candidate.weights,
        "score": one.score,
        headline: scores.get(headline),
        "examples": one.size,
        **file,
        "float32": cost["float32"],
        "seconds": round(one.seconds, 1),
        "why_out": one.why_out or None,
    }


def reason(best, running, rows, limits):
    """A sentence on why this base, and which cheaper one is hardly worse."""
    if best is None:
        asked = {unit: limits[f"max_{unit}"] for unit in UNITS}
        kept = [f"--max-{unit} {limit:g}" for unit, limit in asked.items() if limit]
        out = "; ".join(f"{one.name}: {one.why_out}" for one in running)
        return f"No base fits {' and '.join(kept) or '--time-budget'} ({out})"
    text = (
        f"{best.name} explains most of the labels: {best.score:.1%} of their variance on "
        f"{best.size} training examples"
    )
    found = {row["name"]: row for row in rows}
    near = [one for one in running if one is not best and _hardly_worse(one, best)]
    cheaper = [one for one in near if _cheaper(found[one.name], found[best.name])]
    if not cheaper:
        return text
    other = min(cheaper, key=lambda one: found[one.name]["ms"])
    share = found[other.name]["ms"] / found[best.name]["ms"]
    return f"{text}. {other.name} is within the noise of that, at {share:.0%} of its time"


def _hardly_worse(one, best):
    if best.size not in one.found or one.why_out:
        return False
    apart, error = difference(one, best)
    return apart < error


def _cheaper(row, other):
    return None not in (row["ms"], other["ms"]) and row["ms"] < other["ms"]
