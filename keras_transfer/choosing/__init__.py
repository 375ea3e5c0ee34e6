"""Which pretrained base to take: evidence on one's own training examples, within a budget.

Of each candidate features are computed once, the cheapest first, on a growing part of the training
examples; those that are clearly beaten are left behind. What is compared is the squared error of
ridge regression, leaving one out (`scores`), which costs a tenth of a second a base.
"""

from keras_transfer import progress
from keras_transfer.config import IN_MEMORY

MINUTES = 10.0


def choose(
    data="demo",
    bases=(),
    *,
    task="auto",
    max_mib=None,
    max_ms=None,
    time_budget=MINUTES,
    max_skipped=0.05,
    seed=0,
    by="data",
    traits=(),
    quiet=False,
):
    """Recommend a base for labelled examples; nothing is trained that is kept.

    Args:
        data: as of `transfer`; what it brings as val or test is never looked at.
        bases: names, or "NAME=PATH" for weights in a file; by default all whose weights are here.
        task: as of `transfer`.
        max_mib, max_ms: of the int8 TFLite file: its size, and its time for an example on this
            machine.
        time_budget: minutes in all.
        max_skipped: share of unreadable examples above which nothing is compared.
        seed: of the order of examples, and of intervals; quiet: no progress.
        by: data, or task: by `traits` alone (keys of `choosing.traits.TRAITS`), without reading
            anything.

    Returns:
        dict: `recommended`, a name or None; `reason`, a sentence; `command`, that trains it;
        `headline`, the score that is shown; `examples`, how many of train there are; `bases`, a
        list of dicts: name, weights, score, headline (value, low, high), examples (seen), mib and
        ms (of int8), float32 (mib, ms), seconds, why_out. What is not known is None.

    Raises:
        UserError: bad data, names or limits, or no base whose weights are here.
    """
    from keras_transfer.choosing.comparison import compare_bases
    from keras_transfer.choosing.traits import check_ways, choose_by_task
    from keras_transfer.data.sources.specs import is_in_memory

    check_ways(by, traits, max_ms)
    spec = IN_MEMORY if is_in_memory(data) else str(data)
    if by == "task":
        return choose_by_task(spec, bases, traits, max_mib)
    limits = {"max_mib": max_mib, "max_ms": max_ms, "time_budget": time_budget}
    with progress.quietly(quiet):
        return compare_bases(data, spec, bases, task, limits, max_skipped, seed)
