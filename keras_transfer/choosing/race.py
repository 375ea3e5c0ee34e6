"""Successive halving by evidence: who is clearly beaten on few examples does not see more.

After Jamieson and Talwalkar 2016 (arXiv:1502.07943); what leaves a round is decided by paired
differences, so that bases which are hardly apart stay, and by the time that is left.
"""

import time

from keras_transfer import progress
from keras_transfer.choosing.contender import difference, say_round

BEATEN = 3.0  # standard errors by which another is better
NO_TIME = "no time left for it"


def race(contenders, sizes, features, deadline):
    """Let Contenders, the cheapest first, see more and more examples; fills in what they find.

    Args:
        sizes: how many examples each round has; features: the `features.store.FeatureStore`.
        deadline: `time.monotonic()` at which it is to be over.
    """
    for size in sizes:
        running = _affordable([one for one in contenders if not one.why_out], size, deadline)
        for one in running:
            with progress.quietly(True):  # a line a base is enough
                seen = time.monotonic() < deadline and one.look(size, features, deadline)
            if seen:
                say_round(one, size)
            else:
                one.why_out = NO_TIME
        _leave_behind([one for one in contenders if not one.why_out])


def _affordable(running, size, deadline):
    """Those that a round has time for: of known speed the best first, as long as it lasts."""
    left = deadline - time.monotonic()
    kept = []
    for one in sorted(running, key=lambda one: -(one.score or 0.0)):
        left -= one.expected(size)
        if left < 0 and kept:
            one.why_out = f"{NO_TIME} beyond {one.size} examples"
        else:
            kept.append(one)
    return [one for one in running if one in kept]


def _leave_behind(running):
    """Mark those that another beats clearly on the same examples."""
    if not running:
        return
    best = max(running, key=lambda one: (one.size, one.score))
    for one in running:
        if one is not best and one.size == best.size:
            apart, error = difference(one, best)
            if apart > BEATEN * error:
                one.why_out = f"{best.name} is clearly better on {one.size} examples"
