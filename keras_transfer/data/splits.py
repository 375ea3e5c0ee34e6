"""Who is trained on and who is measured: checked, kept as brought, or drawn once and for all."""

import hashlib
from collections import Counter

import numpy as np

from keras_transfer.data.stratify import count_strata, draw_groups, fold_groups, membership
from keras_transfer.errors import UserError, count
from keras_transfer.evaluate.intervals import group_numbers

TEST_SHARE = 0.2
FEW_ADVICE = "Give each class three examples or more, ten for a score that means something"
GROUP_ADVICE = "Give more groups, or leave the column group out if examples are independent"


def check_labels(table, task, least=2, kept=()):
    """Refuse a table that cannot be learned from or fairly measured.

    To be asked before `complete_splits`: a row without a split counts as train.

    Args:
        table: DataFrame with `label` and `split`; task: a class of `tasks`.
        least, kept: as of `Task.check`.

    Raises: UserError for no train rows, or what the task refuses.
    """
    in_train = table["split"].isin(("train", "")).to_numpy()
    if in_train.sum() < (1 if kept else 2):
        counts = table["split"].value_counts()
        found = ", ".join(f"{n} in {split or 'no split yet'}" for split, n in counts.items())
        raise UserError("no examples to train on", found or "an empty table", "Add a split train")
    task.check(list(table["label"]), in_train, list(table["split"]), least, kept)


def complete_splits(table, strata, seed, all_train_below=0):
    """`table` with every split filled: what the data brings is kept, else a fifth becomes test.

    The draw is stratified by `strata` (see `Task.strata`) and keeps each `group` on one side. It
    depends on `seed` and the names in `shown`, not on the order of rows, and new examples leave
    most of the old ones where they were.

    Args:
        all_train_below: examples of the rarest stratum; with fewer nothing is drawn, and all are
            trained on.

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
    if all_train_below and _rarest(strata) < all_train_below:
        return table.assign(split="train")
    groups = groups_of(table)
    # A group is drawn by its own name, so that an example added to it changes nothing.
    names = [group or shown for group, shown in zip(groups, table["shown"], strict=True)]
    keys = np.array([_hashed(f"{seed}/{name}") for name in names], np.uint64)
    test = _draw(strata, groups, TEST_SHARE, keys)
    return table.assign(split=np.where(test, "test", "train"))


def groups_of(table):
    """The group of each example, "" for one on its own: array (n,).

    Examples without a group that are the same, byte for byte, are a group: one of them among those
    trained on would give the other away.
    """
    groups = table["group"].to_numpy(dtype=object).copy()
    if "sha256" in table:
        digests = table["sha256"].to_numpy()
        several = (table["sha256"].duplicated(keep=False) & (table["sha256"] != "")).to_numpy()
        alike = several & (groups == "")
        groups[alike] = [f"content {digest}" for digest in digests[alike]]
    return groups


def draw_part(strata, groups, share, seed, may_be_empty=False):
    """A seeded, stratified part of the examples, to hold out: bool mask (n,), True where drawn.

    Every class keeps an example outside the part and, where it has two, gets one inside; a group
    is never divided.

    Args:
        strata, groups: one each an example; a group "" stands for an example on its own.
        share: how much of the examples, between 0 and 1.
        may_be_empty: whether to draw none, not to refuse, where no class has two.
    """
    keys = np.random.default_rng(seed).permutation(len(strata))
    return _draw(strata, groups, share, keys, may_be_empty)


def folds(strata, groups, count, seed, in_each=False):
    """Stratified folds for cross-validation: a list of (train_index, test_index).

    A group is never divided, and every stratum is in each training part: examples without which
    one would be missing there are never held out.

    Args:
        strata, groups: one each an example; a group "" stands for an example on its own.
        count: of folds; fewer where a stratum has fewer examples (or groups), but at least two.
        in_each: whether each stratum has to be in each fold.
    """
    strata = membership(strata)
    numbers = group_numbers(groups)
    keys = np.random.default_rng(seed).permutation(numbers.max() + 1 if len(numbers) else 0)
    counts = count_strata(strata, numbers)
    if in_each:
        count = min(count, int((counts > 0).sum(axis=0).min()))
    count = min(max(count, 2), counts.shape[0])
    fold = fold_groups(counts, keys, count)[numbers]
    used = [number for number in range(count) if (fold == number).any()]
    if not used or count < 2:
        raise UserError(
            "the training examples are too few to divide", _groups_found(groups), FEW_ADVICE
        )
    return [(np.flatnonzero(fold != n), np.flatnonzero(fold == n)) for n in used]


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


def find_shared_groups(table):
    """Groups with examples in more than one split: a list of (group, the splits, sorted)."""
    grouped = table[table["group"] != ""]
    splits = grouped.groupby("group", sort=True)["split"].agg(lambda column: sorted(set(column)))
    return [(group, found) for group, found in splits.items() if len(found) > 1]


def _draw(strata, groups, share, keys, may_be_empty=False):
    strata = membership(strata)
    numbers = group_numbers(groups)
    counts = count_strata(strata, numbers)
    group_keys = np.zeros(counts.shape[0], np.uint64)
    group_keys[numbers[::-1]] = np.asarray(keys, np.uint64)[::-1]  # the first example's key counts
    drawn = draw_groups(counts, group_keys, share)[numbers]
    if not drawn.any() and not may_be_empty:
        grouped = set(groups) != {""}
        advice = GROUP_ADVICE if grouped else FEW_ADVICE
        raise UserError("no examples can be held out", _groups_found(groups), advice)
    return drawn


def _rarest(strata):
    """How many examples the rarest stratum has."""
    return min(Counter(name for names in strata for name in names).values())


def _groups_found(groups):
    names = set(groups)
    grouped = f" in {count(len(names), 'group')}" if names != {""} else ""
    return count(len(groups), "example") + grouped


def _hashed(text):
    digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big")
