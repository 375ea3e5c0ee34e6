"""Heads in closed form are those of scikit-learn, and fold into an ordinary linear layer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.errors import UserError
from keras_transfer.strategies.common import closed_form
from keras_transfer.strategies.common.closed_form import METHODS, PENALTY, fit_closed_form


def clouds(shots, classes=4, width=30, seed=0, spread=0.6):
    """Features (classes * shots, width) of no fixed length, and their classes."""
    generator = np.random.default_rng(seed)
    numbers = np.repeat(np.arange(classes), shots)
    features = np.random.default_rng(99).normal(1, 1, (classes, width))[numbers]
    features = features + generator.normal(0, spread, features.shape)
    return features * generator.uniform(0.8, 1.25, (len(features), 1)), numbers


def units(features):
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def test_ridge_is_that_of_scikit_learn():
    from sklearn.linear_model import Ridge

    features, numbers = clouds(5)
    new, _ = clouds(40, seed=1)
    theirs = Ridge(alpha=PENALTY).fit(units(features), np.eye(4)[numbers]).predict(units(new))
    size = np.linalg.norm(features, axis=1).mean()
    ours = fit_closed_form(features, numbers, 4).logits(units(new) * size)
    np.testing.assert_allclose(ours, closed_form.SHARPNESS * theirs, atol=1e-9)


def test_nearest_mean_is_that_of_scikit_learn():
    from sklearn.neighbors import NearestCentroid

    features, numbers = clouds(5)
    new, _ = clouds(40, seed=1, spread=3.0)
    theirs = NearestCentroid().fit(features, numbers).predict(new)
    ours = fit_closed_form(features, numbers, 4, "nearest_mean").logits(new).argmax(axis=1)
    assert (ours == theirs).all()


def test_prototypes_are_the_nearest_centroids_of_centred_units():
    from sklearn.neighbors import NearestCentroid

    features, numbers = clouds(5)
    centre = features.mean(axis=0)
    centred = features - centre
    size = np.linalg.norm(centred, axis=1).mean()
    new = units(clouds(40, seed=1, spread=3.0)[0] - centre)
    theirs = NearestCentroid().fit(units(centred), numbers).predict(new)
    ours = fit_closed_form(features, numbers, 4, "prototypes").logits(new * size + centre)
    assert (ours.argmax(axis=1) == theirs).all()


def test_of_one_example_a_class_cosine_is_its_nearest_neighbour():
    from sklearn.neighbors import KNeighborsClassifier

    features, numbers = clouds(1)
    new, _ = clouds(40, seed=1, spread=3.0)
    centre = features.mean(axis=0)
    theirs = KNeighborsClassifier(1, metric="cosine").fit(features - centre, numbers)
    ours = fit_closed_form(features, numbers, 4, "cosine").logits(new).argmax(axis=1)
    assert (ours == theirs.predict(new - centre)).all()


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=10, deadline=None)
@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 1000))
def test_every_method_learns_whatever_the_order(method, shots, classes, seed):
    features, numbers = clouds(shots, classes, seed=seed)
    head = fit_closed_form(features, numbers, classes, method)
    assert head.kernel.shape == (30, classes)
    new, right = clouds(10, classes, seed=seed + 1)
    assert (head.logits(new).argmax(axis=1) == right).mean() > 0.8
    order = np.random.default_rng(seed).permutation(len(features))
    shuffled = fit_closed_form(features[order], numbers[order], classes, method)
    np.testing.assert_allclose(shuffled.kernel, head.kernel, rtol=1e-2, atol=1e-2)


def test_an_unknown_method_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="ridge"):
        fit_closed_form(*clouds(2), 4, "rigde")
