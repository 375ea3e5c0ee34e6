"""Grad-CAM: where the last feature map holds evidence for an output.

Selvaraju et al. 2017, arXiv:1610.02391. Quick (one run of the base an example) and coarse: as many
cells as the feature map has, 7 x 7 for most bases.
"""

import numpy as np

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.errors import UserError
from keras_transfer.explain.common.network import (
    BATCH_SIZE,
    choose_outputs,
    image_input,
    resize_maps,
    run_eagerly,
    scale_maps,
    score_tensor,
)
from keras_transfer.inputs.common.arrays import count

INSTEAD = "Take the method rise"


def maps(model, inputs, outputs=None):
    """How much each place speaks for an output: float32 (n, height, width) in 0..1.

    Args:
        model: from `build_model`, or loaded from a run.
        inputs: (n, height, width, 3), as the model takes them.
        outputs: a position, or one for each example, of what is explained; by default the largest
            logit: the predicted class, the likeliest label, the value.

    Returns:
        At the inputs' size; each map's largest value is 1. All 0 where nothing speaks for the
        output.

    Raises:
        UserError: the base's feature map has no rows and columns; another backend than TensorFlow.
    """
    keras = load_keras()
    check(model)
    feature_map, scores = find_feature_map(model), score_tensor(model)
    base, head = keras.Model(model.input, feature_map), keras.Model(feature_map, scores)
    _, pixels = image_input(inputs)
    # only the head needs gradients: the base runs forward once, without a tape
    features = run_eagerly(base, inputs)[0]
    wanted = None if outputs is None else np.broadcast_to(outputs, count(inputs))
    found = []
    for start in range(0, len(features), BATCH_SIZE):
        part = slice(start, start + BATCH_SIZE)
        found.append(_evidence(head, features[part], None if wanted is None else wanted[part]))
    return scale_maps(resize_maps(scale_maps(np.concatenate(found)), *pixels.shape[1:3]))


def check(model):
    """Refuse a model that this method cannot explain; raises as `maps`."""
    backend = load_keras().backend.backend()
    if backend != "tensorflow":
        raise UserError("Grad-CAM needs the TensorFlow backend", backend, INSTEAD)
    find_feature_map(model)


def find_feature_map(model):
    """The KerasTensor (batch, rows, columns, channels) that the layer `pool` takes."""
    if "pool" not in [layer.name for layer in model.layers]:
        raise UserError("Grad-CAM needs a model with a layer `pool`", model.name, INSTEAD)
    tensor = model.get_layer("pool").input
    if len(tensor.shape) != 4:
        found = f"shape {tuple(tensor.shape[1:])}"
        raise UserError("Grad-CAM needs a feature map with rows and columns", found, INSTEAD)
    return tensor


def _evidence(head, features, outputs):
    """Channels (n, h, w, c) weighted by the mean gradient of the score, summed: (n, h, w)."""
    tf = load_tensorflow()
    features = tf.constant(features)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(features)
        scores = head(features, training=False)
        scores = tf.cast(tf.reshape(scores, (len(features), -1)), tf.float32)
        wanted = choose_outputs(scores.numpy(), outputs)
        explained = tf.gather(scores, wanted, batch_dims=1)
    weights = tf.reduce_mean(tape.gradient(explained, features), axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * features, axis=3).numpy()
