"""Cross-entropy of each pixel that says something."""

from keras_transfer.backend import load_keras


def make_loss(ignored):
    """A function (targets (n, h, w), probabilities (n, h, w, k)) -> the loss of each image (n,).

    The mean over its pixels; 0 of an image whose pixels are all `ignored`. Keras's own
    `ignore_class` gives a mask that weights of examples do not fit.
    """
    ops = load_keras().ops

    def pixel_loss(targets, probabilities):
        known = ops.not_equal(targets, ignored)
        numbers = ops.where(known, ops.cast(targets, "int32"), 0)
        losses = ops.sparse_categorical_crossentropy(numbers, probabilities)
        known = ops.cast(known, losses.dtype)
        pixels = ops.maximum(ops.sum(known, axis=(1, 2)), 1.0)
        return ops.sum(losses * known, axis=(1, 2)) / pixels

    return pixel_loss
