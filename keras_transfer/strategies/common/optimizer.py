"""Adam with its gradients clipped, on one device or on several."""

import functools

from keras_transfer.backend import device_count, load_keras, load_tensorflow

CLIP_NORM = 1.0  # of all gradients: one odd batch can otherwise kill a network of ReLUs for good
WARM_UP = 0.1  # share of the steps over which the rate rises


def warm_cosine(rate, steps):
    """A schedule of so many steps: up to `rate`, then down to a hundredth of it as a cosine."""
    warm = max(1, round(WARM_UP * steps))
    return load_keras().optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm), alpha=0.01, warmup_target=rate, warmup_steps=warm
    )


def adam(rate, **settings):
    """A new optimizer: one that was built for other variables refuses these.

    Args:
        rate: the learning rate, or a schedule of Keras; settings: of Keras's Adam.
    """
    keras = load_keras()
    mirrored = keras.backend.backend() == "tensorflow" and device_count() > 1
    kind = _mirrored_adam() if mirrored else keras.optimizers.Adam
    return kind(rate, global_clipnorm=CLIP_NORM, **settings)


def scaled_adam(rate):
    """The same for a loop of one's own: under mixed_float16 with the loss scaled, as by `fit`."""
    keras = load_keras()
    narrow = keras.config.dtype_policy().compute_dtype == "float16"
    return keras.optimizers.LossScaleOptimizer(adam(rate)) if narrow else adam(rate)


@functools.cache
def _mirrored_adam():
    """Adam for a MirroredStrategy, with the same steps as on one device."""
    tf = load_tensorflow()

    class MirroredAdam(load_keras().optimizers.Adam):
        def _clip_gradients(self, grads):
            # Keras clips what each device found and adds up after that: other steps than those
            # of one device
            context = tf.distribute.get_replica_context()
            return super()._clip_gradients(context.all_reduce(tf.distribute.ReduceOp.SUM, grads))

        def _all_reduce_sum_gradients(self, grads_and_vars):
            return grads_and_vars  # they are added up already

    return MirroredAdam
