"""Scores of detections: pycocotools' own numbers, and intervals that cover."""

import contextlib
import io

import numpy as np
import pytest

from keras_transfer.evaluate.boxes import score_shown
from keras_transfer.evaluate.dense_curves import box_confusion, box_curves, box_sizes
from keras_transfer.evaluate.detection import (
    _evaluated,
    average_precisions,
    match,
    score_detection,
)

NAMES = ["round", "square", "seldom"]


def drawn(seed, images=30, classes=3, noise=6.0):
    """(objects, detections): boxes of many sizes, found more or less, and some invented."""
    rng = np.random.default_rng(seed)
    objects, detections = [], []
    for _ in range(images):
        count = rng.integers(0, 6)
        corner = rng.uniform(0, 300, (count, 2))
        size = rng.choice([12, 50, 150], (count, 1)) * rng.uniform(0.7, 1.3, (count, 2))
        kinds = rng.choice(classes, (count, 1), p=[0.5, 0.45, 0.05][:classes])
        boxes = np.concatenate([kinds, corner, corner + size], axis=1)
        objects.append(boxes)
        seen = boxes[rng.random(count) < 0.8]
        moved = seen + np.concatenate(
            [np.zeros((len(seen), 1)), rng.normal(0, noise, (len(seen), 4))], axis=1
        )
        wrong = np.array(
            [[rng.integers(classes), *p, *(p + 40)] for p in rng.uniform(0, 300, (2, 2))]
        )
        every = np.concatenate([moved, wrong])
        scores = np.round(rng.uniform(0, 1, (len(every), 1)), 2)  # some are equal
        detections.append(np.concatenate([every, scores], axis=1))
    return objects, detections


def by_pycocotools(objects, detections, classes):
    evaluation = _evaluated(objects, detections, classes)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.accumulate()
    precision, recall = evaluation.eval["precision"][..., 0], evaluation.eval["recall"][..., 0]

    def mean(values):
        return values[values > -1].mean()

    sizes = {
        f"map_{n}": mean(precision[..., a]) for a, n in enumerate(("small", "medium", "large"), 1)
    }
    return {
        "map": mean(precision[..., 0]),
        "map50": mean(precision[0, ..., 0]),
        "map75": mean(precision[5, ..., 0]),
        "recall": mean(recall[..., 0]),
        **sizes,
    }, [mean(precision[:, :, k, 0]) for k in range(classes)]


@pytest.mark.parametrize("seed", range(6))
def test_scores_are_those_of_pycocotools(seed):
    objects, detections = drawn(seed)
    scores = score_detection(objects, detections, NAMES)
    expected, each = by_pycocotools(objects, detections, 3)
    for name, value in expected.items():
        assert scores[name]["value"] == pytest.approx(value, abs=1e-9), name
        assert scores[name]["low"] <= value <= scores[name]["high"]
    for name, value in zip(NAMES, each, strict=True):
        assert scores["per_class"][name]["map"] == pytest.approx(value, abs=1e-9)


def test_an_image_that_counts_twice_is_there_twice():
    objects, detections = drawn(7, images=12)
    twice = [0, 0, *range(1, 12)]
    weights = np.ones((2, 12))
    weights[1, 0] = 2
    for sizes, doubled in zip(
        match(objects, detections, 3),
        match([objects[i] for i in twice], [detections[i] for i in twice], 3),
        strict=True,
    ):
        found = average_precisions(sizes[0], weights)
        expected = average_precisions(doubled[0], np.ones((1, 13)))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one[1], other[0], atol=1e-12)


def test_images_without_objects_and_without_detections():
    empty, box = np.zeros((0, 5)), np.array([[0, 10.0, 10, 50, 50]])
    claimed = np.array([[0, 10.0, 10, 50, 50, 0.9]])
    scores = score_detection([box, empty], [claimed, np.zeros((0, 6))], ["round", "never"])
    assert scores["map"]["value"] == pytest.approx(1.0)
    assert scores["classes_without_objects"] == ["never"]
    assert scores["per_class"]["never"]["map"] is None
    invented = score_detection(
        [box, empty], [claimed, claimed + np.array([0, 0, 0, 0, 0, 0.05])], ["round"]
    )
    assert invented["map"]["value"] == pytest.approx(0.5)  # the surest is invented
    nothing = score_detection([box], [np.zeros((0, 6))], ["round"])
    assert nothing["map"]["value"] == nothing["recall"]["value"] == 0.0
    assert nothing["map"]["low"] is None  # of one image


@pytest.mark.slow
def test_intervals_cover_the_score_of_many_images():
    objects, detections = drawn(1, images=6000, noise=5.0)
    truth = score_detection(objects, detections, NAMES)["map50"]["value"]
    covered = 0
    for part in range(100):
        chosen = slice(60 * part, 60 * (part + 1))
        found = score_detection(objects[chosen], detections[chosen], NAMES)["map50"]
        covered += found["low"] <= truth <= found["high"]
    assert covered >= 88


# --- what is shown


def test_precision_and_recall_of_what_is_shown():
    objects = [np.array([[0, 0, 0, 10, 10], [1, 20, 20, 30, 30]]), np.zeros((0, 5))]
    shown = [
        np.array([[0, 0, 0, 10, 11, 0.9], [0, 20, 20, 30, 30, 0.8], [1, 50, 50, 60, 60, 0.7]]),
        np.array([[1, 1, 1, 5, 5, 0.6]]),
    ]
    found = score_shown(objects, shown)
    assert found["precision"]["value"] == pytest.approx(1 / 4)
    assert found["recall"]["value"] == pytest.approx(1 / 2)
    assert found["f1"]["value"] == pytest.approx(2 / 6)


def test_confusion_counts_what_was_taken_for_what():
    objects = [np.array([[0, 0, 0, 10, 10], [1, 20, 20, 30, 30], [1, 70, 70, 80, 80]])]
    shown = [np.array([[0, 0, 0, 10, 10, 0.9], [0, 20, 20, 30, 30, 0.8], [1, 50, 50, 60, 60, 0.7]])]
    figure = box_confusion(objects, shown, ("cat", "dog"))
    assert figure.rows == ("cat", "dog", "background")
    assert figure.counts == ((1, 0, 0), (1, 0, 1), (0, 1, 0))


def test_missed_objects_are_shown_by_their_size():
    objects = [np.array([[0, 0, 0, 4, 4], [0, 20, 20, 52, 52]], float)]
    shown = [np.array([[0, 20, 20, 52, 52, 0.9]])]
    figure = box_sizes(objects, shown, 8)
    assert [line.name for line in figure.lines] == ["all objects", "missed objects"]
    assert figure.lines[0].x == (4.0, 32.0)
    assert figure.lines[1].x == (4.0,)
    assert figure.marked == (8.0, "finest stride")


def test_the_curve_of_a_class_ends_at_its_recall():
    objects = [np.array([[0, 0, 0, 10, 10], [0, 40, 40, 50, 50]], float)]
    shown = [np.array([[0, 0, 0, 10, 10, 0.9], [0, 70, 70, 80, 80, 0.5]])]
    (line,) = box_curves(objects, shown, ("cat",)).lines
    assert line.x == (0.5, 0.5)
    assert line.y == (1.0, 0.5)
