"""Nearest class means: the loss of episodes, and a Dense layer that decides by them."""

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.strategies.common.temperature import fit_temperature

NEVER = 1e4  # that far below the others, the logit of a class without training examples


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
    """(kernel (f, k), bias (k,)) of the linear layer whose largest logit is the nearest class mean.

    It is 2 m.x - |m|^2 = |x|^2 - |x - m|^2, divided by the temperature that fits best where an
    example does not count in the mean of its own class.

    Args:
        features: float (n, f) of training examples; numbers: of their classes, int (n,).
        task: one of `tasks`, with k outputs; a class without examples is never predicted.
    """
    features, total = features.astype(np.float64), len(task.outputs)
    counts = np.bincount(numbers, minlength=total)
    sums = np.zeros((total, features.shape[1]))
    np.add.at(sums, numbers, features)
    means = sums / np.maximum(counts, 1)[:, None]
    kernel, bias = 2.0 * means.T, -np.square(means).sum(axis=1)
    logits = features @ kernel + bias - np.square(features).sum(axis=1)[:, None]
    rows, own = np.arange(len(features)), counts[numbers]
    # without itself, the mean of its class is so much farther away
    logits[rows, numbers] *= (own / np.maximum(own - 1, 1)) ** 2
    logits[:, counts == 0] = -np.inf
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    temperature = fit_temperature(task, numbers, powers / powers.sum(axis=1, keepdims=True))
    bias[counts == 0] = bias.min() - NEVER
    return kernel / temperature, bias / temperature
