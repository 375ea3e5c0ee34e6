"""Nearest class means: the loss of episodes, and a Dense layer that decides by them."""

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.strategies.common.closed_form import ClosedForm, fit_closed_form
from keras_transfer.strategies.common.solvers import softmax
from keras_transfer.strategies.common.temperature import fit_temperature


def prototype_logits(features, shots):
    """Minus the squared distance of each query from each prototype (arXiv:1703.05175, eq. 2).

    Args:
        features: tensor (episodes, ways, shots + queries, f), of each class first those to learn
            from; shots: how many these are.

    Returns: (episodes, ways, queries, ways).
    """
    tf = load_tensorflow()
    prototypes, queries = tf.reduce_mean(features[:, :, :shots], axis=2), features[:, :, shots:]
    products = tf.einsum("ewqf,epf->ewqp", queries, prototypes)
    own = tf.reduce_sum(tf.square(queries), axis=-1)[..., None]
    return 2.0 * products - tf.reduce_sum(tf.square(prototypes), axis=-1)[:, None, None] - own


def episode_scores(logits):
    """(cross-entropy, accuracy) of logits (episodes, ways, queries, ways), means over all."""
    tf = load_tensorflow()
    shape = tf.shape(logits)
    right = tf.broadcast_to(tf.range(shape[1])[None, :, None], shape[:3])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(right, logits)
    hits = tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32) == right, tf.float32)
    return tf.reduce_mean(losses), tf.reduce_mean(hits)


def prototype_head(features, numbers, task):
    """The ClosedForm head of nearest class means, its logits divided by a temperature.

    It is the temperature that fits best where an example does not count in the mean of its own
    class.

    Args:
        features: float (n, f) of training examples; numbers: of their classes, int (n,).
        task: one of `tasks`; each of its classes has an example.
    """
    features, counts = features.astype(np.float64), np.bincount(numbers)
    head = fit_closed_form(features, numbers, len(task.outputs), "nearest_mean")
    distances = np.square(features).sum(axis=1)[:, None] - head.logits(features)
    rows, own = np.arange(len(features)), counts[numbers]
    # without itself, the mean of its class is so much farther away
    distances[rows, numbers] *= (own / np.maximum(own - 1, 1)) ** 2
    temperature = fit_temperature(task, numbers, softmax(-distances))
    return ClosedForm(head.kernel / temperature, head.bias / temperature)
