"""Figures: what they show is what was measured, and they draw as small SVG."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from keras_transfer.evaluate import curves
from keras_transfer.evaluate.classification import score_classification
from keras_transfer.evaluate.figures import Bars, Matrix
from keras_transfer.figures.drawing import make_figure
from keras_transfer.figures.svg import to_svg
from keras_transfer.run.figures import history_figures
from keras_transfer.tasks import find_task


def predictions_of(n, width, seed=0, wrong=0.3):
    """(targets, probabilities) of a model that is right for most."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(width), n)
    targets = probabilities.argmax(axis=1)
    return np.where(rng.random(n) < wrong, rng.integers(0, width, n), targets), probabilities


def figures_of(task, outputs, targets, predictions):
    figures = find_task(task).from_outputs(outputs).figures(targets, predictions)
    return {figure.name: figure for figure in figures}


def test_a_classification_shows_confusion_reliability_and_coverage():
    targets, predictions = predictions_of(90, 3)
    figures = figures_of("classification", ("a", "b", "c"), targets, predictions)
    assert list(figures) == ["confusion", "reliability", "coverage"]
    counts = np.array(figures["confusion"].counts)
    assert counts.sum(axis=1).tolist() == np.bincount(targets).tolist()
    assert np.trace(counts) == (predictions.argmax(axis=1) == targets).sum()
    (line,) = figures["coverage"].lines
    assert line.y[-1] == pytest.approx((predictions.argmax(axis=1) != targets).mean())
    assert line.x[-1] == 1.0


def test_the_gap_in_the_caption_is_the_error_among_the_scores():
    """Also of equal confidences, which share a dot."""
    targets, predictions = predictions_of(100, 3)
    predictions = np.round(predictions, 1)
    scores = score_classification(targets, predictions, ["a", "b", "c"])
    figure = figures_of("classification", ("a", "b", "c"), targets, predictions)["reliability"]
    assert f"is {scores['expected_calibration_error']['value']:.3f}." in figure.caption


def test_a_split_of_one_class_has_no_area():
    targets, predictions = predictions_of(30, 2)
    figures = figures_of("classification", ("no", "yes"), np.zeros_like(targets), predictions)
    assert "area" not in figures["roc"].caption


def test_two_classes_have_curves_for_every_threshold():
    targets, predictions = predictions_of(80, 2)
    figures = figures_of("classification", ("no", "yes"), targets, predictions)
    area = roc_auc_score(targets, predictions[:, 1])
    assert f"{area:.3f}" in figures["roc"].caption
    precision, recall, _ = precision_recall_curve(targets, predictions[:, 1])
    line = figures["precision_recall"].lines[1]
    expected = set(zip(recall.round(6), precision.round(6), strict=True))
    points = zip(np.round(line.x, 6), np.round(line.y, 6), strict=True)
    assert set(points) <= expected


def test_many_classes_show_the_most_confused_pairs():
    names = tuple(f"class {place}" for place in range(40))
    targets = np.repeat(np.arange(40), 5)
    predicted = targets.copy()
    predicted[:4], predicted[10] = 7, 39
    figure = curves.confusion(targets, predicted, names)
    assert isinstance(figure, Bars)
    assert figure.labels == ("class 0 → class 7", "class 2 → class 39")
    assert figure.values == (4.0, 1.0)


def test_many_classes_without_a_mistake_are_drawn_too():
    places = np.arange(40)
    svg = to_svg(curves.confusion(places, places, tuple(map(str, places))))
    assert "examples</text>" in svg


def test_what_was_selected_is_marked_although_some_epochs_judged_nothing():
    rows = [(1, 0.9, 0.8, False), (2, 0.5, 0.6, False), (3, 0.4, 0.7, True), (4, 0.3, None, False)]
    history = pd.DataFrame(rows, columns=["epoch", "loss", "holdout_loss", "selected"])
    (figure,) = history_figures(history, find_task("classification"))
    assert figure.marked == (3.0, "selected")  # not the lowest loss: a whole schedule was kept
    (unknown,) = history_figures(history.drop(columns="selected"), find_task("classification"))
    assert unknown.marked is None
    assert [line.x for line in figure.lines] == [(1, 2, 3, 4), (1, 2, 3)]
    assert history_figures(history.iloc[:0], find_task("classification")) == ()


def test_multilabel_ranks_its_labels():
    rng = np.random.default_rng(1)
    targets = (rng.random((60, 3)) < 0.4).astype(np.float32)
    targets[:, 2] = 0  # a label that nobody carries has no precision
    predictions = np.clip(targets * 0.5 + rng.random((60, 3)) * 0.5, 0, 1)
    bars = figures_of("multilabel", ("a", "b", "c"), targets, predictions)["average_precision"]
    assert sorted(bars.labels) == ["a", "b"]
    for name, value in zip(bars.labels, bars.values, strict=True):
        place = "abc".index(name)
        expected = average_precision_score(targets[:, place], predictions[:, place])
        assert value == pytest.approx(expected)


def test_a_regression_shows_each_number_and_its_errors():
    targets = np.arange(20.0).reshape(10, 2)
    figures = figures_of("regression", ("height", "width"), targets, targets + 1)
    assert list(figures)[::2] == ["predicted_height", "predicted_width"]
    assert set(figures["residuals_width"].y) == {1.0}


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(2, 5), st.integers(0, 99))
def test_shares_stay_shares_whatever_the_examples(n, width, seed):
    targets, predictions = predictions_of(n, width, seed)
    predictions = predictions.round(1)  # many are equal
    names = tuple(map(str, range(width)))
    for figure in figures_of("classification", names, targets, predictions).values():
        for line in getattr(figure, "lines", ()):
            assert len(line.x) == len(line.y) >= 1
            assert np.isfinite([line.x, line.y]).all()
            assert min(*line.x, *line.y, 0) == 0
            assert max(*line.x, *line.y) <= 1.0


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_each_figure_becomes_small_svg_the_same_each_time(task):
    targets, predictions = predictions_of(500, 2)
    if task != "classification":
        targets, predictions = np.eye(2)[targets], predictions.astype(np.float32)
    for figure in figures_of(task, ("<b>", "$x$ & y"), targets, predictions).values():
        svg = to_svg(figure)
        assert svg == to_svg(figure)
        assert svg.startswith('<svg role="img" aria-label=')
        assert "http" not in svg
        assert "<b>" not in svg
        assert "currentColor" in svg
        inside = "".join(re.findall("<[^>]+>", svg))
        assert not re.search(r"\d\.\d{3}|#0[123]0[123]0", inside)
        assert len(svg) < 100_000


def test_words_in_a_figure_are_text_of_the_page():
    names = ("größer", '#010101 1.23456 id="x"')
    svg = to_svg(Matrix("m", "A title", "", names, names, ((5, 1), (0, 7))))
    assert ">größer</text>" in svg
    assert '>#010101 1.23456 id="x"</text>' in svg
    assert "font-family" not in svg
    assert "DejaVu" not in svg


def test_alphabets_that_matplotlib_lacks_are_the_page_s_own(recwarn):
    names = ("日本", "größe", "кот")
    (shown, *_) = (
        find_task("classification").from_outputs(names).figures(np.array([0, 1, 2]), np.eye(3))
    )
    svg = to_svg(shown)
    assert all(name in svg for name in names)
    assert not recwarn.list


def test_drawing_ignores_settings_of_the_user_and_leaves_them(monkeypatch):
    import matplotlib

    monkeypatch.setitem(matplotlib.rcParams, "font.size", 40)
    targets, predictions = predictions_of(30, 3)
    figure = curves.reliability(predictions.max(axis=1), predictions.argmax(axis=1) == targets)
    made = make_figure(figure)
    assert made.axes[0].get_title() == "Reliability"
    assert made.axes[0].xaxis.label.get_size() < 12
    assert matplotlib.rcParams["font.size"] == 40
