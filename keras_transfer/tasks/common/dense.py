"""What tasks share whose targets lie inside an example."""

from keras_transfer.errors import UserError

PREFERRED_INPUTS = {"image_size": 320}  # as EfficientDet-Lite0 and NanoDet have it
WITHOUT_MEANING = {  # as of `tasks.Task.without_meaning`
    "mixup": (0.0, "what lies in two examples cannot be mixed"),
    "label_smoothing": (0.0, "the targets are no labels of an example"),
    "hidden_units": ((), "its head has layers of its own"),
    "pooling": ("avg", "nothing is pooled"),
    "class_weight": ("none", "an example has many classes"),
}


def check_dense_views(config, task):
    """Refuse views that cut an example.

    Args:
        config: TrainConfig; task: its name.
    """
    if config.augment == "crop":
        advice = "Take none, light or standard"
        raise UserError(f"such views are not for --task {task}", "--augment crop", advice)
