"""Detection: what its loss assigns, what it keeps, how labels become targets and come back."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.evaluate.boxes import best_score, find, overlaps, quality
from keras_transfer.inputs.image import Geometry
from keras_transfer.tasks.common.anchors import decode, encode, make_anchors
from keras_transfer.tasks.common.boxes import (
    Box,
    box_texts,
    move_boxes,
    parse_boxes,
    read_box_texts,
    target_rows,
)
from keras_transfer.tasks.common.task_aligned import assign, detection_loss
from keras_transfer.tasks.detection import Detection

SIZE = (64, 96)
ANCHORS = make_anchors(SIZE)
NAMES = ("cat", "dog", "owl")


def some_boxes(rng, count, size=SIZE, least=6):
    """float32 (count, 4) in pixels."""
    height, width = size
    low = rng.uniform(0, 0.6, (count, 2)) * [width, height]
    side = rng.uniform(least, 0.4 * height, (count, 2))
    return np.concatenate([low, low + side], axis=1).astype(np.float32)


# --- places


def test_cells_cover_the_image():
    assert len(ANCHORS.middles) == 8 * 12 + 4 * 6 + 2 * 3
    assert ANCHORS.middles[0] == pytest.approx([0.5 / 12, 0.5 / 8])
    assert ANCHORS.sides[-1] == pytest.approx([1 / 3, 1 / 2])
    odd = make_anchors((45, 60))
    assert len(odd.middles) == 6 * 8 + 3 * 4 + 2 * 2


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_locations_are_decoded_to_the_boxes_they_were_made_of(seed):
    boxes = some_boxes(np.random.default_rng(seed), len(ANCHORS.middles)) / [96, 64, 96, 64]
    found = np.concatenate(decode(encode(boxes, ANCHORS), ANCHORS), axis=-1)
    np.testing.assert_allclose(found, boxes, atol=1e-5)


# --- the loss


def drawn_case(seed, objects=5):
    """(scores, boxes, middles, numbers, wanted) of two images, all in pixels."""
    rng = np.random.default_rng(seed)
    middles = ANCHORS.middles * np.float32([96, 64])
    boxes = np.concatenate(
        [
            middles - rng.uniform(4, 20, middles.shape),
            middles + rng.uniform(4, 20, middles.shape),
        ],
        axis=1,
    ).astype(np.float32)
    boxes = np.stack([boxes, boxes + 1])
    scores = rng.uniform(0.01, 0.99, (2, len(middles), 3)).astype(np.float32)
    numbers = rng.integers(0, 3, (2, objects)).astype(np.int32)
    wanted = np.stack([some_boxes(rng, objects) for _ in range(2)])
    numbers[1, -2:] = -1  # the second image has fewer
    wanted[1, -2:] = [0, 0, 96, 64]
    return scores, boxes, middles, numbers, wanted


@pytest.mark.parametrize("seed", range(5))
def test_the_assignment_is_that_of_keras_cv(seed, monkeypatch):
    module = "keras_cv.src.models.object_detection.yolo_v8.yolo_v8_label_encoder"
    theirs = pytest.importorskip(module)
    # its own CIoU has the square of the paper's 4 / pi ** 2, and its sixth power makes negative
    # ones positive
    ciou = load_keras().utils.bounding_boxes.compute_ciou
    positive = lambda *boxes, **given: np.maximum(ciou(*boxes, "xyxy"), 0.0)  # noqa: E731
    monkeypatch.setattr(
        theirs, "compute_ciou", lambda one, other, bounding_box_format: positive(one, other)
    )
    encoder = theirs.YOLOV8LabelEncoder(num_classes=3)
    scores, boxes, middles, numbers, wanted = drawn_case(seed)
    given = scores, boxes, middles, numbers.astype("float32"), wanted, (numbers >= 0)[..., None]
    their_boxes, their_scores, _ = (np.asarray(one) for one in encoder.assign(*given))
    chosen, strength = (np.asarray(one) for one in assign(scores, boxes, middles, numbers, wanted))
    own = np.take_along_axis(numbers, chosen, axis=1)
    ours = np.eye(3)[np.maximum(own, 0)] * strength[..., None]
    np.testing.assert_allclose(ours, their_scores, atol=1e-5)
    learns = strength > 0
    assert learns.any()
    expected = np.take_along_axis(wanted, chosen[..., None], axis=1)
    np.testing.assert_allclose(expected[learns], their_boxes[learns], atol=1e-4)


def targets_of(numbers, wanted):
    relative = wanted / [96, 64, 96, 64]
    side = np.full((*numbers.shape, 1), 80.0)
    return np.concatenate([numbers[..., None], relative, side], axis=-1).astype(np.float32)


def test_a_perfect_detector_has_hardly_any_loss_and_others_more():
    *_, numbers, wanted = drawn_case(3)
    targets = targets_of(numbers, wanted)
    perfect = np.zeros((2, len(ANCHORS.middles), 7), np.float32)
    middles = ANCHORS.middles * [96, 64]
    for image in range(2):
        for number, box in zip(numbers[image], wanted[image], strict=True):
            inside = ((middles > box[:2]) & (middles < box[2:])).all(axis=1) & (number >= 0)
            some = np.tile(box / [96, 64, 96, 64], (len(middles), 1))
            perfect[image, inside, :4] = encode(some, ANCHORS)[inside]
            perfect[image, inside, 4:] = np.eye(3)[number]
    best = float(np.mean(detection_loss(targets, perfect, ANCHORS, SIZE, 3)))
    moved = perfect + np.float32([0.3, 0.3, 0, 0, 0, 0, 0])
    unsure = np.concatenate([perfect[..., :4], perfect[..., 4:] * 0.5], axis=-1)
    for worse in (moved, unsure):
        assert float(np.mean(detection_loss(targets, worse, ANCHORS, SIZE, 3))) > best + 0.1


@pytest.mark.parametrize("numbers", [[[-1, -1]], [[0, -1]]])
def test_the_loss_of_images_without_objects_is_a_number_in_a_graph(numbers):
    tf = load_tensorflow()
    targets = targets_of(np.array(numbers), np.array([[[20.0, 20, 36, 36]] * 2]))
    targets[..., 1:5][targets[..., 0] < 0] = -1
    outputs = np.zeros((1, len(ANCHORS.middles), 7), np.float32)
    outputs[..., 2:4], outputs[..., 4:] = 4, 0.01

    @tf.function
    def step(targets, outputs):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            loss = tf.reduce_mean(detection_loss(targets, outputs, ANCHORS, SIZE, 3))
        return loss, tape.gradient(loss, outputs)

    for one in step(tf.constant(targets), tf.constant(outputs)):
        assert np.isfinite(one.numpy()).all()


# --- labels


def test_rows_become_boxes_and_what_is_none_is_named():
    rows = [
        {"label": "cat", "xmin": "1", "ymin": 2, "xmax": 5.5, "ymax": "6"},
        {"label": "", "xmin": 1, "ymin": 1, "xmax": 2, "ymax": 2},
        {"label": "dog", "xmin": "left", "ymin": 1, "xmax": 2, "ymax": 2},
        {"label": "dog", "xmin": 3, "ymin": 1, "xmax": 2, "ymax": 2},
        {"label": "dog", "xmin": math.inf, "ymin": 1, "xmax": 2, "ymax": 2},
    ]
    empty = dict.fromkeys(rows[0], "")
    (boxes, none), left = parse_boxes([rows, [empty]], ["one.jpg", "two.jpg"])
    assert boxes == (Box("cat", 1, 2, 5.5, 6),)
    assert none == ()
    assert {reason: len(names) for reason, names in left.items()} == {
        "a box without a class": 1,
        "a corner is no number": 2,
        "a box without area": 1,
    }


def test_boxes_become_targets_and_what_is_outside_is_clipped_or_dropped():
    geometry = Geometry(100, 200, "squeeze", SIZE)
    boxes = [
        Box("dog", 20, 10, 60, 50),
        Box("cat", -20, -20, 20, 20),
        Box("owl", 190, 90, 250, 150),
    ]
    rows = target_rows(boxes, geometry, {"cat": 0, "dog": 1, "owl": 2})
    np.testing.assert_allclose(rows[0], [1, 0.1, 0.1, 0.3, 0.5, math.sqrt(20000)], rtol=1e-6)
    np.testing.assert_allclose(rows[1, :5], [0, 0, 0, 0.1, 0.2], rtol=1e-6)
    assert rows[2, 0] == -1  # too little of it is seen
    nothing = target_rows([], geometry, {})
    assert nothing.shape == (1, 6)
    assert nothing[0, 0] == -1


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_a_view_moves_boxes_as_it_moves_corners(seed):
    rng = np.random.default_rng(seed)
    boxes = some_boxes(rng, 4) / [96, 64, 96, 64]
    side = np.full((4, 1), 80.0)
    targets = np.concatenate([rng.integers(0, 3, (4, 1)), boxes, side], axis=1)[None]
    scale, mirror = rng.uniform(0.8, 1.2), rng.choice([-1.0, 1.0])
    shift = rng.uniform(-0.1, 0.1, 2)
    movement = np.array([[[mirror * scale, 0, (mirror < 0) + shift[0]], [0, scale, shift[1]]]])
    moved = move_boxes(targets.astype(np.float32), movement)[0]
    for before, after in zip(targets[0], moved, strict=True):
        corners = (before[1:5].reshape(2, 2) - movement[0, :, 2]) / np.diag(movement[0, :, :2])
        expected = np.clip(np.sort(corners, axis=0), 0, 1).ravel()
        if after[0] >= 0:
            np.testing.assert_allclose(after[1:5], expected, atol=1e-5)
        else:
            seen = np.prod(expected[2:] - expected[:2])
            assert seen < 0.26 * np.prod(before[3:5] - before[1:3]) / scale**2 or seen < 1e-3


# --- what is found


def test_overlaps_and_who_finds_whom():
    one = np.array([[0, 0, 10, 10], [5, 5, 15, 15.0]])
    np.testing.assert_allclose(overlaps(one, one), [[1, 25 / 175], [25 / 175, 1]])
    objects = np.array([[0, 0, 0, 10, 10], [1, 20, 20, 30, 30.0]])
    detections = np.array(
        [
            [0, 0, 0, 10, 10, 0.9],
            [0, 0, 0, 10, 9, 0.8],  # the object is taken
            [0, 20, 20, 30, 30, 0.7],  # of another class
        ]
    )
    found = find(objects, detections)
    assert found.objects.tolist() == [0, -1, -1]
    assert found.missed.tolist() == [1]
    assert quality(objects, detections) == pytest.approx(1 / 2.5)
    assert quality(objects[:0], detections[:0]) == 1
    assert quality(objects[:0], detections) == 0
    assert best_score([objects], [detections]) == pytest.approx((0.85, 2 / 3))
    assert best_score([objects[:0]], [detections]) == (0.5, 0.0)


def test_outputs_become_detections_and_one_of_two_that_overlap_stays():
    task = Detection(NAMES, SIZE)
    outputs = np.zeros((2, len(ANCHORS.middles), 7), np.float32)
    box = np.array([0.25, 0.25, 0.5, 0.75])
    outputs[0, ..., :4] = encode(np.tile(box, (len(ANCHORS.middles), 1)), ANCHORS)
    outputs[0, 5, 4:] = [0.9, 0.0, 0.4]
    outputs[0, 7, 4:] = [0.8, 0.0, 0.0]
    boxes, scores, numbers = task.postprocess(outputs)
    assert scores[0, :3] == pytest.approx([0.9, 0.4, 0.0])
    assert numbers[0, :3].tolist() == [0, 2, -1]
    np.testing.assert_allclose(boxes[0, 0], box, atol=1e-5)
    assert (numbers[1] == -1).all()
    split = task.postprocess((outputs[..., :4], outputs[..., 4:]))
    assert all(
        (one == other).all() for one, other in zip(split, (boxes, scores, numbers), strict=True)
    )
    prediction = tuple(part[0] for part in (boxes, scores, numbers))
    assert task.decode(prediction) == "1 cat, 1 owl"
    assert task.decode(tuple(part[1] for part in (boxes, scores, numbers))) == "nothing"
    geometry = Geometry(100, 200, "squeeze", SIZE)
    shown = task.to_json(prediction, geometry=geometry)["boxes"]
    assert shown[0] == {"label": "cat", "score": 0.9, "box": [50.0, 25.0, 100.0, 75.0]}
    surer = task.decided({"score": {"threshold": 0.6}})
    assert surer.decode(prediction) == "1 cat"


@given(
    st.lists(
        st.builds(
            Box,
            st.text("ab c-.,0", min_size=1).filter(lambda t: t.strip() == t and "; " not in t),
            *[st.integers(0, 50)] * 2,
            *[st.integers(51, 99)] * 2,
        ),
        max_size=4,
    )
)
def test_boxes_as_text_are_read_again(boxes):
    assert read_box_texts(box_texts(boxes)) == tuple(boxes)
