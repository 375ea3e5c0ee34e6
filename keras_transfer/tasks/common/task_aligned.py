"""The loss of an anchor-free detector: task-aligned assignment, then BCE and CIoU.

Which cells learn an object is decided by what they predict already: those whose score and box fit
best (TOOD: Feng et al. 2021, arXiv:2108.07755). The settings are those of YOLOv8, which keras-cv
has as well; tests/test_detection.py holds the assignment against it.
"""

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.tasks.common.anchors import decode

CELLS = 10  # that learn one object, at most
SCORE_POWER, OVERLAP_POWER = 0.5, 6.0  # alpha and beta of TOOD's equation 9
BOX_WEIGHT, SCORE_WEIGHT = 7.5, 0.5  # of YOLOv8
TINY = 1e-9


def make_loss(anchors, size, classes):
    """The Keras loss of outputs (b, n, 4 + k): locations, then probabilities.

    Targets are (b, m, 6): class number (-1 where there is no object), the box x1 y1 x2 y2 (0 to 1)
    and a number that is not for training.

    Args:
        anchors: `anchors.Anchors` (n); size: (height, width) of images; classes: k.
    """
    keras = load_keras()

    class TaskAligned(keras.losses.Loss):
        def call(self, targets, outputs):
            return detection_loss(targets, outputs, anchors, size, classes)

    return TaskAligned(name="task_aligned")


def detection_loss(targets, outputs, anchors, size, classes):
    """The loss (b,) of each image; their mean is that of the batch, by the sum of its scores."""
    ops = load_keras().ops
    targets, outputs = ops.cast(targets, "float32"), ops.cast(outputs, "float32")
    pixels = np.tile(np.array(size[::-1], np.float32), 2)
    boxes = ops.concatenate(decode(outputs[..., :4], anchors), axis=-1) * pixels
    scores = ops.clip(outputs[..., 4:], 1e-7, 1.0 - 1e-7)
    numbers = ops.cast(targets[..., 0], "int32")
    # a box without area has no IoU: 0 / 0 once the graph's optimizer has moved Keras's epsilon
    some = ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0])
    wanted = ops.where((numbers >= 0)[..., None], targets[..., 1:5], some) * pixels
    middles = anchors.middles * pixels[:2]
    chosen, strength = assign(scores, boxes, middles, numbers, wanted)
    one_hot = ops.one_hot(ops.take_along_axis(numbers, chosen, axis=1), classes)
    target_scores = ops.stop_gradient(one_hot * strength[..., None])
    own = ops.stop_gradient(_rows(wanted, chosen))
    entropy = -(target_scores * ops.log(scores) + (1.0 - target_scores) * ops.log(1.0 - scores))
    apart = (1.0 - _ciou(boxes, own)) * strength
    loss = SCORE_WEIGHT * ops.sum(entropy, axis=(1, 2)) + BOX_WEIGHT * ops.sum(apart, axis=1)
    total = ops.maximum(ops.sum(strength), 1.0)
    return loss * ops.cast(ops.shape(loss)[0], "float32") / total


def _rows(boxes, chosen):
    """Of boxes (b, m, 4) those at `chosen` (b, n): (b, n, 4).

    Keras's take_along_axis turns indices of int64 about, at which oneDNN writes an error line.
    """
    ops = load_keras().ops
    count, most = ops.shape(boxes)[0], ops.shape(boxes)[1]
    first = ops.cast(ops.arange(count) * most, "int32")
    return ops.take(ops.reshape(boxes, (-1, 4)), chosen + first[:, None], axis=0)


def assign(scores, boxes, middles, numbers, wanted):
    """Which object each cell learns, and how strongly.

    Args:
        scores: probabilities (b, n, k); boxes: predicted, in pixels (b, n, 4).
        middles: of the cells (n, 2), in pixels.
        numbers: classes (b, m), -1 where there is no object; wanted: boxes (b, m, 4).

    Returns:
        (chosen int32 (b, n): the object; strength float32 (b, n): the score that is wanted of the
        cell, 0 where it learns no object). Nothing is differentiated.
    """
    ops = load_keras().ops
    scores, boxes = ops.stop_gradient(scores), ops.stop_gradient(boxes)
    score = ops.take_along_axis(scores, ops.maximum(numbers, 0)[:, None, :], axis=-1)
    score = ops.transpose(score, (0, 2, 1))  # (b, m, n)
    overlap = ops.maximum(_ciou(wanted[:, :, None], boxes[:, None]), 0.0)
    inside = ops.all(
        (wanted[:, :, None, :2] < middles) & (wanted[:, :, None, 2:] > middles), axis=-1
    )
    there = ops.cast(inside & (numbers >= 0)[..., None], "float32")
    fit = score**SCORE_POWER * overlap**OVERLAP_POWER * there
    count = min(CELLS, int(middles.shape[0]))
    least = ops.top_k(fit, count)[0][..., -1:]
    taken = ops.cast((fit >= least) & (fit > 0), "float32")
    overlap = overlap * taken
    chosen = ops.argmax(overlap, axis=1)  # of two objects the one that it covers best
    fit = fit * taken
    best_fit = ops.max(fit, axis=-1, keepdims=True)
    best_overlap = ops.max(overlap, axis=-1, keepdims=True)
    strength = ops.max(fit * best_overlap / (best_fit + TINY), axis=1)
    return ops.cast(chosen, "int32"), ops.stop_gradient(strength)


def _ciou(one, other):
    """Complete IoU (arXiv:1911.08287) of boxes x1 y1 x2 y2 that are broadcast: (...,)."""
    from keras.utils.bounding_boxes import compute_ciou

    return compute_ciou(one, other, "xyxy")
