"""Non-maximum suppression: of boxes of one class that overlap much the surest stays."""

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.evaluate.detection import MOST

LEAST_SCORE = 0.005  # of a detection that is kept at all
SAME = 0.6  # IoU from which on two boxes of a class are one object: between what is best for the
# mean precision at IoU 0.5 and for that over all IoU
CANDIDATES = 1000  # boxes of an image that are looked at in a file, the surest


def suppress(boxes, scores):
    """(boxes (n, MOST, 4), scores (n, MOST), class numbers (n, MOST)), -1 behind the last.

    Args:
        boxes: float32 (n, c, 4), x1 y1 x2 y2, 0 to 1; scores: float32 (n, c, k).
    """
    tf = load_tensorflow()
    with tf.device("CPU:0"):
        boxes, scores, numbers, counts = (one.numpy() for one in combined(tf, boxes, scores))
    there = np.arange(MOST) < counts[:, None]
    return boxes, scores * there, np.where(there, numbers, -1).astype(np.int32)


def combined(tf, boxes, scores):
    """(boxes x1 y1 x2 y2, scores, class numbers, how many) as tensors, for any number of images."""
    found = tf.image.combined_non_max_suppression(
        tf.gather(boxes, [1, 0, 3, 2], axis=2)[:, :, None],
        scores,
        max_output_size_per_class=MOST,
        max_total_size=MOST,
        iou_threshold=SAME,
        score_threshold=LEAST_SCORE,
        clip_boxes=True,
    )
    return tf.gather(found[0], [1, 0, 3, 2], axis=2), *found[1:]


def suppress_one(tf, boxes, scores):
    """The same for one image, by operations that TFLite has: each with a first axis of 1.

    Returns: boxes y1 x1 y2 x2 (1, MOST, 4), class numbers and scores (1, MOST), how many (1,); all
        float32, 0 behind the last.
    """
    classes = scores.shape[-1]
    likeliest = min(CANDIDATES, scores.shape[1] * classes)
    sure, places = tf.math.top_k(tf.reshape(scores[0], [-1]), likeliest)
    numbers = tf.cast(places % classes, tf.float32)
    corners = tf.clip_by_value(tf.gather(boxes[0], places // classes), 0.0, 1.0)
    corners = tf.gather(corners, [1, 0, 3, 2], axis=1)
    # moved apart by class, so that boxes of different ones do not meet
    apart = corners + 2.0 * numbers[:, None]
    kept, count = tf.image.non_max_suppression_padded(
        apart, sure, MOST, SAME, LEAST_SCORE, pad_to_max_output_size=True
    )
    there = tf.cast(tf.range(MOST) < count, tf.float32)
    found = tf.gather(corners, kept), tf.gather(numbers, kept), tf.gather(sure, kept)
    found = [one * (there[:, None] if len(one.shape) > 1 else there) for one in found]
    return [one[None] for one in (*found, tf.cast(count, tf.float32))]
