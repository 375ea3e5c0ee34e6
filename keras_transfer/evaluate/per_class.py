"""The scores of each class or label, with intervals; what single classes say of a mean."""

import numpy as np

from keras_transfer.evaluate.draws import number, share

CURVES = {"auroc": "class_auroc", "average_precision": "class_average_precision"}


def class_statistics(support, claimed, hits):
    """Precision, recall, F1 and Jaccard's index (draws, k), from how often each class is there,
    is predicted, both."""
    return {
        "precision": share(hits, claimed),
        "recall": share(hits, support),
        "f1": share(2 * hits, support + claimed),
        "jaccard": share(hits, support + claimed - hits),
    }


def per_class(names, sample, draw, member, claimed):
    """{name: {n, precision, recall, f1, auroc, average_precision, intervals}}.

    F1 is no share, but grows with one: 2 J / (1 + J) of the examples J that are right among those
    that are of the class or predicted as it (Hand, Christen and Kirielle 2021). Its interval is
    that of J, so transformed.

    Args:
        sample: of `class_statistics` and CURVES; draw: the Draws it is from.
        member, claimed: bool (n, k), whether an example is of a class, is predicted as it.
    """
    ends = {
        name: sample.shares(statistic, inside.sum(axis=0), draw.units(inside))
        for name, statistic, inside in (
            ("precision", "precision", claimed),
            ("recall", "recall", member),
            ("f1", "jaccard", member | claimed),
        )
    }
    ends["f1"] = tuple(2 * end / (1 + end) for end in ends["f1"])
    values = {name: sample.values[name] for name in ends}
    values |= {name: sample.values[statistic] for name, statistic in CURVES.items()}
    support = member.sum(axis=0)
    return {
        label: {
            "n": int(support[row]),
            **{name: number(value[row]) for name, value in values.items()},
            "intervals": {
                name: {"low": number(low[row]), "high": number(high[row])}
                for name, (low, high) in ends.items()
            },
        }
        for row, label in enumerate(names)
    }


def with_intervals(scores):
    """{name: value, ..., "intervals": {name: {low, high}}} of {name: {value, low, high}}."""
    ends = {name: {"low": one["low"], "high": one["high"]} for name, one in scores.items()}
    return {**{name: one["value"] for name, one in scores.items()}, "intervals": ends}


def mean_size(sizes):
    """Of how many examples a share is as certain as the mean of shares of so many (k,) each; the
    classes without any have no say."""
    sizes = np.asarray(sizes, np.float64)
    sizes = sizes[sizes > 0]
    return len(sizes) ** 2 / (1 / sizes).sum() if len(sizes) else 0.0


def ranked_sizes(draw, member):
    """(least, most): of how many examples a mean area under the curve is as certain as a share.

    One area of m examples against n others is as certain as a share of the lesser of m and n, or
    of up to three times as many by the variance of Hanley and McNeil (1982); of scores that are
    normal and lie far apart, of up to five times. k areas make k - 1 comparisons: the two of two
    classes are one.

    Args:
        draw: the Draws; member: bool (n, k), whether an example is of a class.
    """
    sizes = member.sum(axis=0), (~member).sum(axis=0)
    units = draw.units(member), draw.units(~member)
    k = np.count_nonzero(np.minimum(*sizes))
    least, most = (
        mean_size(np.minimum(*pair)) * max(1, k - 1) / max(1, k) for pair in (units, sizes)
    )
    return least, 5 * most
