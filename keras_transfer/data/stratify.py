"""The draw behind `splits`: whole groups are dealt out so that each kind of label keeps its share.

A unit is a group, or an example that has none. A kind is a class, one of several labels, or a
bin of a number; `counts` (units, kinds) says how many examples of a kind a unit holds. The greedy
deal is that of scikit-learn's StratifiedGroupKFold and, for several labels, of iterative
stratification (Sechidis et al., ECML 2011), with what neither promises: no kind is lost to train.
"""

from collections import Counter

import numpy as np

MOST_BINS = 10  # of a number to predict
BIN_EXAMPLES = 10  # at least, on average
COMMON_COMBINATION = 5  # examples from which a combination of labels is a kind of its own


def kinds_of(labels, task):
    """Which kinds each label belongs to: a scipy CSR matrix (examples, kinds) of ones.

    Args:
        labels: str, tuple of str, or numbers, as `task` wants them.
    """
    from scipy.sparse import csr_matrix

    if task == "regression":
        members = [(number,) for number in _bins(np.array([*labels], float))]
    elif task == "multilabel":
        members = _label_sets([*labels])
    else:
        members = [(label,) for label in labels]
    position = {name: number for number, name in enumerate(sorted({n for m in members for n in m}))}
    columns = [position[name] for names in members for name in names]
    starts = np.cumsum([0, *(len(names) for names in members)])
    ones = np.ones(len(columns), np.int64)
    return csr_matrix((ones, columns, starts), shape=(len(members), len(position)))


def units_of(groups):
    """The number of each example's unit; examples whose group is "" are units of their own."""
    numbers, units = {}, []
    for row, group in enumerate(groups):
        units.append(numbers.setdefault(group or ("alone", row), len(numbers)))
    return np.array(units, np.int64)


def count_kinds(kinds, units):
    """Examples of each kind in each unit: CSR (units, kinds)."""
    from scipy.sparse import csr_matrix

    rows = np.arange(len(units))
    belongs = csr_matrix((np.ones(len(units), np.int64), (units, rows)))
    return (belongs @ kinds).tocsr()


def draw_units(counts, keys, share):
    """Draw units until each kind has about `share` of its examples drawn; bool mask (units,).

    Args:
        keys: a number a unit; the smallest are drawn first.
    """
    total = np.asarray(counts.sum(axis=0)).ravel()
    wanted = share * total
    drawn, taken = np.zeros(counts.shape[0], bool), np.zeros(len(total))
    order = np.argsort(keys, kind="stable")
    by_kind = counts.tocsc()

    def kinds(unit):
        inside = slice(counts.indptr[unit], counts.indptr[unit + 1])
        return counts.indices[inside], counts.data[inside]

    def leaves_some(unit):
        here, number = kinds(unit)
        return (taken[here] + number < total[here]).all()

    def take(unit):
        here, number = kinds(unit)
        drawn[unit] = True
        taken[here] += number

    def excess(unit):
        here, number = kinds(unit)
        return np.maximum(taken[here] + number - wanted[here], 0).sum()

    # First one unit for each kind, the rarest first: later there might be no unit left for it.
    for kind in np.argsort(np.diff(by_kind.indptr), kind="stable"):
        holders = by_kind.indices[by_kind.indptr[kind] : by_kind.indptr[kind + 1]]
        possible = [unit for unit in holders if leaves_some(unit)] if taken[kind] == 0 else []
        if possible:
            take(min(possible, key=lambda unit: (excess(unit), keys[unit])))
    # Then whoever brings the shares nearer to what is wanted.
    for unit in order:
        here, number = kinds(unit)
        change = (number * (2 * (taken[here] - wanted[here]) + number) / total[here]).sum()
        if not drawn[unit] and change < 0 and leaves_some(unit):
            take(unit)
    return drawn


def fold_units(counts, keys, folds):
    """The fold of each unit, 0 to `folds` - 1, or -1 for those that must never be held out."""
    total = np.asarray(counts.sum(axis=0)).ravel()
    held = np.zeros((folds, len(total)))
    sizes = np.zeros(folds)
    fold = np.zeros(counts.shape[0], np.int64)
    examples = np.asarray(counts.sum(axis=1)).ravel()
    rarest = np.array([_rarest(counts, unit, total) for unit in range(counts.shape[0])])
    for unit in np.lexsort((keys, rarest, -examples)):
        here = slice(counts.indptr[unit], counts.indptr[unit + 1])
        kinds, number = counts.indices[here], counts.data[here]
        crowded = held[:, kinds] @ (number / total[kinds])
        best = np.lexsort((sizes, crowded.round(9)))[0]
        fold[unit] = best
        held[best, kinds] += number
        sizes[best] += examples[unit]
    for number, kind in zip(*np.nonzero(held == total), strict=True):
        # All examples of this kind would be held out at once.
        fold[(fold == number) & (counts[:, [kind]].toarray().ravel() > 0)] = -1
    return fold


def _rarest(counts, unit, total):
    """How common the rarest kind in a unit is: rare ones are dealt out first."""
    return total[counts.indices[counts.indptr[unit] : counts.indptr[unit + 1]]].min()


def _label_sets(labels):
    """The labels of each example and, where it is common enough, their combination as a whole."""
    common = {label for label, n in Counter(labels).items() if n >= COMMON_COMBINATION or not label}
    # A label is (name,), a combination ("", *names): the two never meet, and they can be sorted.
    singles = [tuple((name,) for name in label) for label in labels]
    return [
        (*single, ("", *label)) if label in common else single
        for single, label in zip(singles, labels, strict=True)
    ]


def _bins(values):
    """Numbers as quantile bins; of several targets the sum of their z-scores."""
    if values.ndim == 2:
        spread = values.std(axis=0)
        values = ((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)).sum(axis=1)
    bins = np.clip(len(values) // BIN_EXAMPLES, 1, MOST_BINS)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right").tolist()
