"""Settings of a training by search: Optuna's TPE over TrainConfig's own fields, within a budget.

Every trial is judged on the same examples inside train, those that the holdout draws: by a head's
cross-validation, or by a tuning that did not see them. What is found is kept only where it is
better than the defaults by more than chance.
"""

from keras_transfer import progress
from keras_transfer.config import IN_MEMORY

TRIALS, MINUTES = 40, 20.0


def tune(
    data="demo",
    *,
    study=None,
    out=None,
    trials=TRIALS,
    time_budget=MINUTES,
    search=(),
    bases=(),
    quiet=False,
    **knobs,
):
    """Search settings, then train with the winner on all of train: an ordinary run.

    Args:
        data, out: as of `transfer`.
        study: a folder in which trials are kept; one that is there is gone on with. By default a
            folder of the data's name below `studies`.
        trials: how many in all, those of before included; time_budget: minutes for them.
        search: names of `space.SEARCH`; none for those that are searched by default.
        bases: to search among, as of `choose`, where `search` has base.
        quiet: no progress; **knobs: fields of `TrainConfig` that stay as they are.

    Returns:
        (Run, dict): the dict has `trials`, a list (number, state, settings, loss, metric, seconds,
        reason), `winner` and `default`, numbers of trials, `kept`, which of both was trained,
        `reason`, a sentence, `study`, the folder.

    Raises:
        UserError: as of `transfer`, for unknown names, and for a study of other data or settings.
    """
    from keras_transfer.data.sources.specs import is_in_memory
    from keras_transfer.tuning.search import run_search

    spec = IN_MEMORY if is_in_memory(data) else str(data)
    budget = {"trials": trials, "time_budget": time_budget}
    with progress.quietly(quiet):
        return run_search(data, {"data": spec, **knobs}, study, out, budget, search, bases)
