"""Batch normalisation as the one operation that TensorFlow has for it.

Keras 3 takes it apart: scaling and shifting, means and squared differences, each a pass over the
feature map. TensorFlow merges the one operation into the convolution before it where nothing
trains, and has one kernel for its gradient where something does.
"""

import contextlib
import functools

from keras_transfer.backend import load_keras, load_tensorflow


@contextlib.contextmanager
def fused_norms(network):
    """What is traced of `network` while inside has one operation for each batch normalisation.

    Layers, weights and what is computed stay the same, but for rounding. Nothing happens on
    other backends than TensorFlow.
    """
    if load_keras().backend.backend() != "tensorflow":
        yield
        return
    plain, learning, frozen = load_keras().layers.BatchNormalization, *_fused()
    changed, kind = [], frozen
    for layer in network.layers:
        if layer.trainable_variables:
            kind = learning
        if type(layer) is plain and _has_operation(layer):
            layer.__class__ = kind
            changed.append(layer)
    try:
        yield
    finally:
        for layer in changed:
            layer.__class__ = plain


def _has_operation(layer):
    """Whether there is such an operation: for maps (b, h, w, c), on one device."""
    last = layer.built and layer.input_spec.ndim == 4 and layer.axis in (-1, 3)
    return last and not layer.renorm and not layer.synchronized


@functools.cache
def _fused():
    """The classes of layers that do so: beside what trains, and below all of it."""
    tensorflow = load_tensorflow()

    class Learning(load_keras().layers.BatchNormalization):
        def call(self, inputs, training=None, mask=None):
            learns = bool(training and self.trainable)
            # where a gradient goes through what is frozen, that of a product is cheaper
            if mask is not None or (training and not learns):
                return super().call(inputs, training=training, mask=mask)
            return self._normalized(inputs, learns)

        def _normalized(self, inputs, learns):
            mean, variance = ([], []) if learns else (self.moving_mean, self.moving_variance)
            outputs, mean, variance, *_ = tensorflow.raw_ops.FusedBatchNormV3(
                x=inputs,
                scale=self.gamma if self.scale else tensorflow.ones_like(self.moving_mean),
                offset=self.beta if self.center else tensorflow.zeros_like(self.moving_mean),
                mean=mean,
                variance=variance,
                epsilon=self.epsilon,
                is_training=learns,
            )
            if learns:
                self._move(mean, variance, tensorflow.size(inputs) // inputs.shape[-1])
            return outputs

        def _move(self, mean, variance, count):
            """Move the averages; the operation's variance is that of a sample of `count`."""
            share = tensorflow.cast(count - 1, variance.dtype) / tensorflow.cast(
                count, variance.dtype
            )
            for average, value in (
                (self.moving_mean, mean),
                (self.moving_variance, variance * share),
            ):
                average.assign(average * self.momentum + value * (1 - self.momentum))

    class Frozen(Learning):
        def call(self, inputs, training=None, mask=None):
            return super().call(inputs, training=training and self.trainable, mask=mask)

    return Learning, Frozen
