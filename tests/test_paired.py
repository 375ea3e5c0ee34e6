"""Paired tests: p-values against plain references, and how often they are wrong."""

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keras_transfer.evaluate.paired import (
    best_p_value,
    compare_pairs,
    flip_signs,
    holm,
    mcnemar,
    newcombe,
    unit_sums,
)

counts = st.integers(0, 60)
probabilities = st.floats(0, 1)


def test_holm_steps_down_from_the_smallest():
    # by hand: 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 no smaller than the one before it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([0.02]) == pytest.approx([0.02])


@given(st.lists(probabilities, min_size=1, max_size=20))
def test_holm_lies_between_no_correction_and_bonferroni_s(p_values):
    p_values = np.array(p_values)
    corrected = holm(p_values)
    assert (corrected >= p_values).all()
    assert (corrected <= np.minimum(1, len(p_values) * p_values) + 1e-12).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(corrected[order]) >= 0).all()
    assert holm(p_values[::-1]) == pytest.approx(corrected[::-1])


@given(worse=counts, better=counts)
@settings(deadline=None)
def test_mcnemar_counts_tosses_of_a_coin(worse, better):
    total = worse + better
    least = [comb(total, k) / 2**total for k in range(min(worse, better) + 1)]
    upper = [comb(total, k) / 2**total for k in range(worse, total + 1)]
    assert mcnemar(worse, better) == pytest.approx(min(1.0, 2 * sum(least)))
    assert mcnemar(worse, better, one_sided=True) == pytest.approx(min(1.0, sum(upper)))
    assert mcnemar(worse, better) == mcnemar(better, worse)


@given(st.lists(st.integers(-3, 3), min_size=0, max_size=9), st.booleans())
@settings(deadline=None)
def test_few_units_are_flipped_in_every_way(sums, one_sided):
    every = [
        np.dot(signs, sums) if sums else 0 for signs in itertools.product((-1, 1), repeat=len(sums))
    ]
    found = sum(sums)
    as_large = [total >= found if one_sided else abs(total) >= abs(found) for total in every]
    given_sums = np.reshape(np.array(sums, float), (len(sums), 1))
    assert flip_signs(given_sums, one_sided=one_sided)[0] == pytest.approx(np.mean(as_large))


@given(worse=counts, better=counts)
@settings(max_examples=25, deadline=None)
def test_flipped_signs_of_right_and_wrong_are_mcnemar_s_test(worse, better):
    sums = np.repeat([1.0, -1.0], [worse, better])[:, None]
    expected = mcnemar(worse, better)
    few = worse + better <= 13
    assert flip_signs(sums)[0] == pytest.approx(expected, abs=1e-9 if few else 0.02)


def test_all_pairs_share_their_flips_and_get_their_own_p_value():
    sums = np.random.default_rng(0).normal(np.array([0, 0.5, 2]), size=(40, 3))
    together = flip_signs(sums)
    alone = [flip_signs(column[:, None])[0] for column in sums.T]
    assert together == pytest.approx(alone)
    assert together[0] > 0.05 > together[1] > together[2]


def paired(both, one, other, neither):
    """Which examples each of two models gets right, from how often."""
    numbers = [both, one, other, neither]
    return (
        np.repeat([True, True, False, False], numbers),
        np.repeat([True, False, True, False], numbers),
    )


def test_newcombe_s_interval_is_that_of_his_paper():
    # Newcombe 1998, doi:10.1002/(SICI)1097-0258(19981130)17:22<2635, method 10
    assert newcombe(*paired(36, 12, 2, 0)) == pytest.approx((0.0569, 0.3404), abs=5e-5)


@given(both=counts, one=counts, other=counts, neither=counts)
@settings(deadline=None)
def test_newcombe_s_interval_holds_the_difference_whichever_is_first(both, one, other, neither):
    n = both + one + other + neither
    assume(n)
    first, second = paired(both, one, other, neither)
    low, high = newcombe(first, second)
    assert -1 <= low <= (one - other) / n + 1e-9
    assert (one - other) / n - 1e-9 <= high <= 1
    assert low < high  # never a point, however few examples
    assert newcombe(second, first) == pytest.approx((-high, -low))


def simulated(seed, models, n, shift=0.0):
    """0/1 scores (n, models) that share how hard each example is; of odd models better by shift."""
    rng = np.random.default_rng(seed)
    easy = rng.beta(2, 1, size=(n, 1)) * (1 - shift)
    return (rng.uniform(size=(n, models)) < easy + shift * (np.arange(models) % 2)).astype(float)


def neighbours(models):
    return [(i + 1, i) for i in range(0, models, 2)]


def test_newcombe_s_interval_holds_the_truth_in_95_percent():
    scores = simulated(1, models=1600, n=150, shift=0.06)
    compared = compare_pairs(scores, neighbours(1600), exact=True)
    inside = np.mean([c.low <= 0.06 <= c.high for c in compared])
    assert 0.925 <= inside <= 0.985


def test_without_a_difference_one_in_twenty_is_found_at_most():
    scores = simulated(2, models=2000, n=200)
    compared = compare_pairs(scores, neighbours(2000), exact=True)
    share = np.mean([c.p_value < 0.05 for c in compared])
    assert 0.01 <= share <= 0.06  # an exact test of counts stays under 5 %
    assert not any(c.more_than_chance for c in compared)


def grouped_scores(seed, models, groups, size):
    """Scores of groups whose examples are nearly alike: (groups * size, models), and the groups."""
    rng = np.random.default_rng(seed)
    of_group = rng.normal(size=(groups, models))
    scores = np.repeat(of_group, size, axis=0) + 0.3 * rng.normal(size=(groups * size, models))
    return scores, np.repeat([f"patient {g}" for g in range(groups)], size)


def test_with_groups_one_in_twenty_is_found_and_without_them_most_would_be():
    scores, groups = grouped_scores(3, models=2000, groups=30, size=10)
    pairs = neighbours(2000)
    differences = np.stack([scores[:, a] - scores[:, b] for a, b in pairs], axis=1)
    by_group = np.mean(flip_signs(unit_sums(differences, groups), flips=2000) < 0.05)
    ignored = np.mean(flip_signs(unit_sums(differences), flips=2000) < 0.05)
    assert 0.035 <= by_group <= 0.065
    assert ignored > 0.4


def test_the_interval_of_groups_holds_no_difference_in_about_95_percent():
    scores, groups = grouped_scores(4, models=400, groups=40, size=5)
    compared = compare_pairs(scores, neighbours(400), groups=groups)
    inside = np.mean([c.low <= 0 <= c.high for c in compared])
    assert 0.88 <= inside <= 0.985
    assert "group by group" in compared[0].test


def test_scores_that_are_no_counts_are_flipped_example_by_example():
    rng = np.random.default_rng(5)
    scores = rng.uniform(size=(300, 1)) + [0.0, 0.0, 0.02] + 0.1 * rng.normal(size=(300, 3))
    same, better = compare_pairs(scores, [(1, 0), (2, 0)])
    assert not same.more_than_chance
    assert better.p_holm >= better.p_value
    assert better.low < better.value < better.high
    from scipy.stats import ttest_rel

    for difference, model in ((same, 1), (better, 2)):  # 300 of them: nearly normal
        reference = ttest_rel(scores[:, model], scores[:, 0])
        assert difference.p_value == pytest.approx(reference.pvalue, abs=0.02)
        ends = reference.confidence_interval(0.95)
        assert (difference.low, difference.high) == pytest.approx(ends, abs=0.002)


def test_with_many_models_chance_is_still_told_from_difference():
    scores = np.concatenate([simulated(6, models=30, n=100), np.ones((100, 1))], axis=1)
    pairs = list(itertools.combinations(range(31), 2))
    compared = compare_pairs(scores, pairs, exact=True)
    best = [c for c, (_, b) in zip(compared, pairs, strict=True) if b == 30]
    assert all(c.more_than_chance for c in best)
    flipped = compare_pairs(scores, pairs)  # 820: p-values of 1/10000 would not be enough
    assert min(c.p_holm for c in flipped) < 0.05


@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), grouped=st.booleans())
@settings(max_examples=40, deadline=None)
def test_models_that_are_alike_are_no_different(seed, n, grouped):
    rng = np.random.default_rng(seed)
    scores = np.repeat(rng.uniform(size=(n, 1)), 2, axis=1)
    groups = rng.integers(0, 3, n).astype(str) if grouped else None
    (found,) = compare_pairs(scores, [(0, 1)], groups=groups)
    assert found.value == 0
    assert found.p_value == found.p_holm == 1
    assert found.low is None or found.low <= 0 <= found.high


def test_the_best_of_many_that_are_alike_is_seldom_better():
    rng = np.random.default_rng(0)
    gains = rng.normal(0, 1, (400, 80, 15)) + rng.normal(0, 0.5, (400, 80, 1))  # alike, correlated
    called = [best_p_value(one, seed=number) < 0.05 for number, one in enumerate(gains)]
    assert 0.02 < np.mean(called) < 0.09  # 0.05 expected; each alone would be called far oftener
    singly = [min(flip_signs(one, 199, one_sided=True)) < 0.05 for one in gains[:100]]
    assert np.mean(singly) > 0.2


def test_the_best_of_more_candidates_has_to_be_better():
    rng = np.random.default_rng(1)
    clear = rng.normal(0.35, 1, (80, 1))
    few = np.concatenate([clear, rng.normal(-0.2, 1, (80, 2))], axis=1)
    many = np.concatenate([clear, rng.normal(-0.2, 1, (80, 40))], axis=1)
    assert best_p_value(clear) == pytest.approx(flip_signs(clear, one_sided=True)[0], abs=0.01)
    assert best_p_value(clear) < best_p_value(few) < best_p_value(many)
    assert best_p_value(np.zeros((80, 3))) == 1


def test_groups_count_once_for_the_best_as_well():
    gains = np.repeat(np.random.default_rng(2).normal(0.4, 1, (12, 3)), 10, axis=0)
    groups = np.repeat(np.arange(12), 10).astype(str)
    assert best_p_value(gains, groups) > best_p_value(gains)
    assert best_p_value(gains, groups) == pytest.approx(best_p_value(gains[::10]), abs=1e-9)
