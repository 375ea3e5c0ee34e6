"""Who is trained on and who is measured: checked, kept as brought, or drawn once and for all."""

import hashlib

import numpy as np

from keras_transfer.data.stratify import count_kinds, draw_units, fold_units, kinds_of, units_of
from keras_transfer.errors import UserError, count

TEST_SHARE = 0.2
NAMES_SHOWN = 5
FEW_ADVICE = "Give each class three examples or more, ten for a score that means something"
GROUP_ADVICE = "Give more groups, or leave the column group out if examples are independent"


def check_labels(table, task):
    """Refuse a table that cannot be learned from or fairly measured.

    To be asked before `complete_splits`: a row without a split counts as train.

    Raises: UserError for no train rows, one class, a class with fewer than two examples in train,
        a label in val or test that train lacks, numbers that are all the same.
    """
    in_train = table["split"].isin(("train", ""))
    train = table[in_train]
    if not len(train):
        found = ", ".join(f"{n} in {split}" for split, n in table["split"].value_counts().items())
        raise UserError("no examples to train on", found or "an empty table", "Add a split train")
    if len(train) < 2 or len(set(train["label"])) < 2:
        what = "one class" if task == "classification" else "one answer for all examples"
        raise UserError(
            f"only {what} to learn", train["label"].iloc[0], "Add examples with another label"
        )
    if task == "regression":
        return
    counts = _label_counts(train["label"])
    for split in ("val", "test"):
        unseen = sorted(set(_label_counts(table["label"][table["split"] == split])) - set(counts))
        if unseen:
            advice = "Add training examples of them, or leave those examples out"
            if all(name.isdigit() for name in counts):
                advice = "If these are amounts, not classes, add --task regression"
            raise UserError(f"labels in {split} that train lacks", _some(unseen), advice)
    scarce = sorted(name for name, count in counts.items() if count < 2)
    if scarce:
        advice = "Each class needs two or more: add some, or leave the class out"
        raise UserError("classes with a single training example", _some(scarce), advice)


def complete_splits(table, task, seed):
    """`table` with every split filled: what the data brings is kept, else a fifth becomes test.

    The draw is stratified and keeps each `group` on one side. It hangs on `seed` and the names in
    `shown`, not on the order of rows, and new examples leave most of the old ones where they were.

    Raises: UserError when some rows have a split and others none, or all lie in one group.
    """
    drawn = table["split"] == ""
    if drawn.any() and not drawn.all():
        raise UserError(
            "some rows have a split and others have none",
            f"{drawn.sum()} of {len(table)} without",
            "Fill the column, or leave it empty everywhere for a seeded draw",
        )
    if set(table["split"]) - {"", "train"}:
        return table
    # A group is drawn by its own name, so that an example added to it changes nothing.
    names = [group or shown for group, shown in zip(table["group"], table["shown"], strict=True)]
    keys = np.array([_hashed(f"{seed}/{name}") for name in names], np.uint64)
    test = _draw(table["label"], table["group"], TEST_SHARE, keys, task)
    return table.assign(split=np.where(test, "test", "train"))


def draw_part(labels, groups, share, seed, task):
    """A seeded, stratified part of the examples, for holdout: bool mask (n,), True where drawn.

    Every class keeps an example outside the part and, where it has two, gets one inside; a group
    is never divided.

    Args:
        labels, groups: one each an example; a group "" stands for an example on its own.
        share: how much of the examples, between 0 and 1.
    """
    keys = np.random.default_rng(seed).permutation(len(labels))
    return _draw(labels, groups, share, keys, task)


def folds(labels, groups, count, seed, task):
    """Stratified folds for cross-validation: a list of (train_index, test_index).

    A group is never divided, and every class is in each training part: examples without which a
    class would be missing there are never held out. There are fewer folds than `count` where a
    class has fewer examples (or groups) than that, but never fewer than two.
    """
    kinds = kinds_of(labels, task)
    units = units_of(groups)
    keys = np.random.default_rng(seed).permutation(units.max() + 1 if len(units) else 0)
    counts = count_kinds(kinds, units)
    if task == "classification":
        count = min(count, int((counts > 0).sum(axis=0).min()))
    count = min(max(count, 2), counts.shape[0])
    fold = fold_units(counts, keys, count)[units]
    numbers = [number for number in range(count) if (fold == number).any()]
    if not numbers or count < 2:
        raise UserError(
            "the training examples are too few to divide", _groups_found(groups), FEW_ADVICE
        )
    return [(np.flatnonzero(fold != n), np.flatnonzero(fold == n)) for n in numbers]


def find_duplicates(table, sha256=None):
    """Examples that stand in two splits, byte for byte the same.

    Args:
        sha256: one hash a row; by default the table's column of that name.

    Returns: a list of (shown, shown, split, split), the one of train first where there is one.
    """
    hashes = list(table["sha256"] if sha256 is None else sha256)
    rows = list(zip(hashes, table["split"], table["shown"], strict=True))
    order = {"train": 0, "": 0, "val": 1, "test": 2}
    first, found = {}, []
    for digest, split, shown in sorted(rows, key=lambda row: order[row[1]]):
        if not digest:
            continue  # an example that could not be read has none
        earlier_shown, earlier_split = first.setdefault(digest, (shown, split))
        if earlier_split != split:
            found.append((earlier_shown, shown, earlier_split, split))
    return found


def _draw(labels, groups, share, keys, task):
    kinds = kinds_of(labels, task)
    units = units_of(groups)
    counts = count_kinds(kinds, units)
    unit_keys = np.zeros(counts.shape[0], np.uint64)
    unit_keys[units[::-1]] = np.asarray(keys, np.uint64)[::-1]  # the first row's key counts
    drawn = draw_units(counts, unit_keys, share)[units]
    if not drawn.any():
        grouped = set(groups) != {""}
        advice = GROUP_ADVICE if grouped else FEW_ADVICE
        raise UserError("no examples can be set aside", _groups_found(groups), advice)
    return drawn


def _groups_found(groups):
    names = set(groups)
    grouped = f" in {count(len(names), 'group')}" if names != {""} else ""
    return count(len(groups), "example") + grouped


def _label_counts(labels):
    """How many examples have each label; those of a tuple count one by one."""
    counts = {}
    for label in labels:
        for name in label if isinstance(label, tuple) else (label,):
            counts[name] = counts.get(name, 0) + 1
    return counts


def _some(names):
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _hashed(text):
    digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big")
