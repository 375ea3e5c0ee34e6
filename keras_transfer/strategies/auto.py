"""The strategy that is most promising for so many labels, by the rule `recipes.strategies_for`.

It never trains itself: once the labels are known it becomes another one, which is what the run, its
folder and its `config.json` name.
"""

from collections import Counter
from dataclasses import fields
from statistics import median

from keras_transfer import progress
from keras_transfer.bases.build import is_untrained
from keras_transfer.config import make_config
from keras_transfer.errors import UserError
from keras_transfer.strategies import check_strategy
from keras_transfer.strategies.common.recipes import LabelFacts, strategies_for


def settle(config, table, task):
    """The TrainConfig with the most promising strategy that its other settings have a meaning for.

    Args:
        table: DataFrame with `label` and `split`; a row without a split counts as train.
        task: a class of `tasks`.

    Raises: UserError, that of the most promising one, where they have a meaning for none.
    """
    pretrained = not is_untrained(config.base, config.weights)
    facts = label_facts(table, task)
    names, reason = strategies_for(facts, pretrained, config.split_by == "class")
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    refusals = []
    for name in names:
        settled = make_config(**{**values, "strategy": name})
        try:
            check_strategy(settled)
        except UserError as refusal:
            refusals.append(refusal)
            continue
        passed = f"; {names[0]} has no use for the other settings" if refusals else ""
        progress.say(f"note: --strategy auto takes {name}: {reason}{passed}")
        return settled
    raise refusals[0]


def label_facts(table, task):
    """The LabelFacts of the rows to train on."""
    labels = list(table["label"][table["split"].isin(("train", ""))])
    counts = Counter(name for names in task.strata(labels) for name in names).values()
    typical, rarest = (int(median(counts)), min(counts)) if counts else (0, 0)
    return LabelFacts(typical, rarest, task.has_exclusive_classes())
