"""Objects and detections of each image as rows, as `evaluate.boxes` takes them."""

import numpy as np


def objects_of(targets):
    """For each image (m, 5), class number and box, of targets (n, m, 6)."""
    return [rows[rows[:, 0] >= 0, :5].astype(np.float64) for rows in targets]


def detections_of(predictions):
    """For each image (d, 6), class number, box and score, of predictions; see `tasks.detection`."""
    boxes, scores, numbers = predictions
    columns = np.concatenate([numbers[..., None], boxes, scores[..., None]], axis=-1)
    return [rows[rows[:, 0] >= 0].astype(np.float64) for rows in columns]


def scaled(rows, side):
    """Rows with boxes in pixels; side: of the image, or both of each corner."""
    return np.concatenate([rows[:, :1], rows[:, 1:5] * side, rows[:, 5:]], axis=1)
