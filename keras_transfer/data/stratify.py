"""The draw behind `splits`: whole groups are dealt out so that each stratum keeps its share.

A group here may be a single example that has none. A stratum is a class, one of several labels,
or a bin of a number; `counts` (groups, strata) holds how many examples of a stratum a group has.
The greedy deal is that of scikit-learn's StratifiedGroupKFold and, for several labels, of
iterative stratification (Sechidis et al., ECML 2011), with what neither promises: no stratum is
lost to train.
"""

import numpy as np


def membership(strata):
    """Which strata each example belongs to: a scipy CSR matrix (examples, strata) of ones.

    Args:
        strata: a tuple of names each, from `Task.strata`.
    """
    from scipy.sparse import csr_matrix

    position = {name: number for number, name in enumerate(sorted({n for s in strata for n in s}))}
    columns = [position[name] for names in strata for name in names]
    starts = np.cumsum([0, *(len(names) for names in strata)])
    ones = np.ones(len(columns), np.int64)
    return csr_matrix((ones, columns, starts), shape=(len(strata), len(position)))


def count_strata(strata, groups):
    """Examples of each stratum in each group: CSR (groups, strata)."""
    from scipy.sparse import csr_matrix

    rows = np.arange(len(groups))
    belongs = csr_matrix((np.ones(len(groups), np.int64), (groups, rows)))
    return (belongs @ strata).tocsr()


def draw_groups(counts, keys, share):
    """Draw groups until each stratum has about `share` of its examples drawn; bool mask (groups,).

    Args:
        keys: a number a group; the smallest are drawn first.
    """
    total = np.asarray(counts.sum(axis=0)).ravel()
    wanted = share * total
    drawn, taken = np.zeros(counts.shape[0], bool), np.zeros(len(total))
    order = np.argsort(keys, kind="stable")
    by_stratum = counts.tocsc()

    def strata(group):
        inside = slice(counts.indptr[group], counts.indptr[group + 1])
        return counts.indices[inside], counts.data[inside]

    def leaves_some(group):
        here, number = strata(group)
        return (taken[here] + number < total[here]).all()

    def take(group):
        here, number = strata(group)
        drawn[group] = True
        taken[here] += number

    def excess(group):
        here, number = strata(group)
        return np.maximum(taken[here] + number - wanted[here], 0).sum()

    # First one group for each stratum, the rarest first: later there might be no group left for it.
    for stratum in np.argsort(np.diff(by_stratum.indptr), kind="stable"):
        holders = by_stratum.indices[by_stratum.indptr[stratum] : by_stratum.indptr[stratum + 1]]
        possible = [group for group in holders if leaves_some(group)] if taken[stratum] == 0 else []
        if possible:
            take(min(possible, key=lambda group: (excess(group), keys[group])))
    # Then whoever brings the shares nearer to what is wanted.
    for group in order:
        here, number = strata(group)
        change = (number * (2 * (taken[here] - wanted[here]) + number) / total[here]).sum()
        if not drawn[group] and change < 0 and leaves_some(group):
            take(group)
    return drawn


def fold_groups(counts, keys, folds):
    """The fold of each group, 0 to `folds` - 1, or -1 for those that must never be held out."""
    total = np.asarray(counts.sum(axis=0)).ravel()
    held = np.zeros((folds, len(total)))
    sizes = np.zeros(folds)
    fold = np.zeros(counts.shape[0], np.int64)
    examples = np.asarray(counts.sum(axis=1)).ravel()
    rarest = np.array([_rarest(counts, group, total) for group in range(counts.shape[0])])
    for group in np.lexsort((keys, rarest, -examples)):
        here = slice(counts.indptr[group], counts.indptr[group + 1])
        strata, number = counts.indices[here], counts.data[here]
        crowded = held[:, strata] @ (number / total[strata])
        best = np.lexsort((sizes, crowded.round(9)))[0]
        fold[group] = best
        held[best, strata] += number
        sizes[best] += examples[group]
    for number, stratum in zip(*np.nonzero(held == total), strict=True):
        # All examples of this stratum would be held out at once.
        fold[(fold == number) & (counts[:, [stratum]].toarray().ravel() > 0)] = -1
    return fold


def _rarest(counts, group, total):
    """How common the rarest stratum in a group is: rare ones are dealt out first."""
    return total[counts.indices[counts.indptr[group] : counts.indptr[group + 1]]].min()
