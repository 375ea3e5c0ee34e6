"""The linear head is the best one, whatever the task."""

import numpy as np
import pytest

from keras_transfer.strategies.common.exact_head import LinearProblem, fit_head
from keras_transfer.strategies.common.solvers import SOLVERS
from keras_transfer.tasks import make_task


def labels_of(task, count, generator):
    if task == "classification":
        return [("a", "b", "c")[number % 3] for number in range(count)]
    if task == "multilabel":
        return [tuple(n for n in "xyz" if generator.random() < 0.5) for _ in range(count)]
    return [float(number) for number in generator.normal(50, 10, count)]


def head_problem(task_name, count, width, seed=0, noise=0.25):
    """Features in which the labels can be seen, among many that say nothing."""
    generator = np.random.default_rng(seed)
    labels = labels_of(task_name, count, generator)
    task = make_task(task_name, labels, np.ones(count, bool))
    targets = task.encode(labels)
    shown = np.eye(3)[targets] if task_name == "classification" else targets
    if task_name == "regression":
        shown = (targets - 50) / 10
    features = generator.normal(0, noise, (count, width))
    features[:, : shown.shape[1]] += shown
    features = features * generator.uniform(0.5, 2, width)
    array = np.empty(count, object)
    array[:] = labels
    return features.astype(np.float32), targets, array, task


def problem(features, targets, labels, task):
    """Each example its own group."""
    groups = np.array([f"g{number}" for number in range(len(features))])
    strata = task.strata(list(labels))
    return LinearProblem(features, targets, np.ones(len(features)), strata, groups, task, 0)


def activate(task, logits):
    return SOLVERS[task.solver].activate(logits)


@pytest.mark.parametrize("task_name", ["classification", "multilabel", "regression"])
@pytest.mark.parametrize(("count", "width"), [(90, 300), (300, 20)])
def test_the_head_finds_what_is_in_the_features(task_name, count, width):
    features, targets, labels, task = head_problem(task_name, count, width)
    fit = slice(0, 2 * count // 3)
    rest = slice(2 * count // 3, count)
    head = fit_head(problem(features[fit], targets[fit], labels[fit], task))
    assert head.kernel.shape == (width, len(task.outputs))
    predictions = activate(task, features[rest] @ head.kernel + head.bias)
    if task_name == "regression":
        predictions = predictions * task.scale + task.offset
    metric = task.metric(targets[rest], predictions)
    assert metric > {"classification": 0.6, "multilabel": 0.62, "regression": 0.25}[task_name]
    assert len({row["penalty"] for row in head.history}) == len(head.history) > 3


def test_the_smaller_basis_gives_the_same_head_as_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    features, targets, labels, task = head_problem("classification", 60, 200)
    head = fit_head(problem(features, targets, labels, task))
    penalty = min(head.history, key=lambda row: row["cross_validation_loss"])["penalty"]
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    scaled = centred / np.sqrt(features.std(axis=0, dtype=np.float64))
    scaled /= np.sqrt((scaled**2).mean())
    whole = LogisticRegression(C=1 / penalty, max_iter=5000, tol=1e-8).fit(scaled, targets)
    ours = activate(task, features @ head.kernel + head.bias)
    np.testing.assert_allclose(ours, whole.predict_proba(scaled), atol=5e-3)


@pytest.mark.parametrize("task_name", ["classification", "multilabel", "regression"])
def test_many_examples_are_not_copied_and_give_the_same_head(task_name, monkeypatch):
    features, targets, labels, task = head_problem(task_name, 300, 20)
    given = problem(features, targets, labels, task)
    few = fit_head(given)
    monkeypatch.setattr("keras_transfer.strategies.common.exact_head.COPIED_UP_TO", 100)
    kept = features.copy()
    fit_head(given)
    np.testing.assert_array_equal(features, kept)  # nobody allowed more
    many = fit_head(given, in_place=True)
    assert not np.array_equal(features, kept)  # scaled where they lie
    losses = [[row["cross_validation_loss"] for row in head.history] for head in (few, many)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)
    predictions = [activate(task, kept @ head.kernel + head.bias) for head in (few, many)]
    np.testing.assert_allclose(predictions[1], predictions[0], atol=5e-3)


def test_a_label_that_all_or_none_carry_keeps_its_base_rate():
    labels = [("x",) if number % 2 else ("x", "y") for number in range(40)]
    task = make_task("multilabel", labels, np.ones(40, bool))
    features = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    array = np.empty(40, object)
    array[:] = labels
    head = fit_head(problem(features, task.encode(labels), array, task))
    predictions = activate(task, features @ head.kernel + head.bias)
    assert (predictions[:, 0] > 0.9).all()
