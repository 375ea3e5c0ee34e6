"""Splits by class: the classes of val and test are none of those of train (`--split-by class`)."""

import hashlib
from collections import Counter
from dataclasses import replace

from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import take
from keras_transfer.tasks import find_task

SHARE = 0.2  # of the classes become test, and as many val where there are MANY
MANY = 10  # classes from which on some become val
LEAST = 2  # classes that train and test each need


def _takes(count, size, wanted):
    """Whether a split of so many classes comes nearer to what is wanted by `size` more."""
    return wanted and (count < LEAST or count + size / 2 <= wanted)


def with_class_splits(source, config):
    """A `data.sources.specs.Source` split by class, where that is asked for."""
    if config.split_by != "class":
        return source
    if not find_task(source.task).has_exclusive_classes():
        raise UserError("--split-by class needs one class an example", source.task)
    return replace(source, table=split_classes(source.table, config.seed))


def split_classes(table, seed):
    """`table` with a split for each example, so that each class is in one alone.

    What the data brings is kept. Else whole classes are drawn, and of those with a `class_group`
    (an alphabet, a genus) whole groups. The draw depends on the seed and the names alone.

    Raises: UserError where a class is in two splits or two groups, or there are too few.
    """
    labels, splits = table["label"].map(str), table["split"]
    if not set(splits) - {"", "train"}:
        units = _units(labels, table["class_group"])
        chosen = _draw(units, seed)
        return table.assign(split=[chosen[label] for label in labels])
    if (splits == "").any():
        found = f"{(splits == '').sum()} of {len(table)} without"
        advice = "Fill the column, or leave it empty everywhere for a seeded draw"
        raise UserError("some rows have a split and others have none", found, advice)
    several = table.assign(label=labels).groupby("label")["split"].nunique()
    if (several > 1).any():
        advice = "Give each class one split, or leave --split-by class out"
        names = sorted(several.index[several > 1])
        raise UserError("--split-by class: a class is in several splits", names[0], advice)
    return table


def _units(labels, groups):
    """{name of what stays together: its classes}; a class without a group is a unit of its own."""
    found = {}
    for label, group in zip(labels, groups, strict=True):
        if found.setdefault(label, group) != group:
            groups = f"{found[label] or 'none'} and {group or 'none'}"
            raise UserError(f"class {label} is in two class_groups", groups, "Give it one")
    units = {}
    for label, group in sorted(found.items()):
        units.setdefault(("group", group) if group else ("class", label), []).append(label)
    return units


def _draw(units, seed):
    """{class: split}."""
    total = sum(map(len, units.values()))
    wanted = {"test": max(LEAST, round(SHARE * total))}
    wanted["val"] = round(SHARE * total) if total >= MANY else 0
    chosen, counts = {}, Counter()
    for unit in sorted(units, key=lambda unit: _hashed(f"{seed}/{'/'.join(unit)}")):
        size = len(units[unit])
        fitting = [split for split in wanted if _takes(counts[split], size, wanted[split])]
        split = fitting[0] if fitting else "train"
        counts[split] += size
        chosen |= dict.fromkeys(units[unit], split)
    if counts["train"] < LEAST:
        found = f"{total} in {len(units)} groups" if len(units) < total else total
        advice = "Give more, at least two for train and two for test"
        raise UserError("too few classes to split by class", found, advice)
    return chosen


def learned_table(table, config):
    """The rows whose classes are learned: all, or with splits by class those of train."""
    return table[table["split"] == "train"] if config.split_by == "class" else table


def divide(examples, config):
    """(the Examples whose classes are learned, {split: Examples of new classes})."""
    if config.split_by != "class":
        return examples, {}
    splits = examples.table["split"].to_numpy()
    new = {split: _part(examples, splits == split) for split in ("val", "test")}
    new = {split: part for split, part in new.items() if len(part)}
    return _part(examples, splits == "train"), new


def _part(examples, mask):
    """Some of the examples."""
    return replace(
        examples,
        table=examples.table[mask].reset_index(drop=True),
        kept=None if examples.kept is None else take(examples.kept, mask),
        there=None if examples.there is None else examples.there[mask],
    )


def _hashed(text):
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
