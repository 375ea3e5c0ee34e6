"""`--batch-size auto`: the largest power of two that fits into memory."""

from dataclasses import replace

import numpy as np

from keras_transfer import progress
from keras_transfer.backend import device_count, gpus, load_keras, load_tensorflow, quiet_stderr
from keras_transfer.environment import available_memory
from keras_transfer.errors import UserError
from keras_transfer.features.plan import plan_storing
from keras_transfer.inputs.common.arrays import take
from keras_transfer.model.cut import cut
from keras_transfer.model.trainable import set_trainable
from keras_transfer.runtimes.keras import input_dtype
from keras_transfer.strategies import facts_of, find_strategy

MOST = 256  # examples; the rates that are recommended are not made for more
STEPS = 8  # of an epoch at least: with fewer a small set would hardly take a step
AUTO = 32  # what the stages are asked with: memory does not depend on it
MEMORY_SHARE = 0.5  # of what is free; the rest of the run needs some
COPIES = 3  # of each activation in a training step on a CPU: itself, its gradient, one on the way


def settle_batch_size(model, dataset, features, config, facts=None):
    """The TrainConfig with a number for `batch_size`: "auto" becomes what fits.

    Args:
        model: from `build_model`; its weights stay as they are.
        dataset: `data.dataset.Dataset`; features: `features.store.FeatureStore`.
        facts: `strategies.Facts`, where they are others than the dataset's.

    Raises: UserError where not even one example fits.
    """
    if config.batch_size != "auto":
        return config
    facts = facts or facts_of(dataset)
    most = 2 ** int(np.log2(max(1, min(MOST, facts.fit // STEPS))))
    fits, size = _fits_by_trying if gpus() else _fits_by_counting, most
    for network in _networks(model, facts, features.room, replace(config, batch_size=AUTO)):
        while size and not fits(network, dataset, size):
            size //= 2
    if not size:
        found = f"one example of {model.name} at {model.input_shape[1:]}"
        advice = "Take a smaller base, --image-size, or part to train"
        raise UserError("a training step does not fit into memory", found, advice)
    progress.say(f"batch size: {size} examples (the largest that is tried for this set is {most})")
    return replace(config, batch_size=size)


def _networks(model, facts, room, config):
    """What trains in each stage by gradient, the part that trains being set."""
    for stage in find_strategy(config.strategy).stages(facts, config):
        if not stage.epochs:
            continue
        set_trainable(model, stage.part, stage.batch_norm)
        prefix, suffix = cut(model)
        asked = len(stage.views), stage.epochs, room, config.feature_precision
        yield suffix if plan_storing(prefix, facts.train, *asked).stored else model


def _fits_by_counting(network, dataset, size):
    """Whether a step leaves room on a CPU; not tried, since who takes too much there is killed."""
    numbers = sum(
        int(np.prod(tensor.shape[1:]))
        for layer in network.layers
        for tensor in load_keras().tree.flatten(layer.output)
    )
    trained = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    needed = 4 * (COPIES * numbers * size + 4 * trained)
    return needed <= MEMORY_SHARE * available_memory()


def _fits_by_trying(network, dataset, size):
    """Whether a GPU takes a training step of so many examples."""
    keras, kept = load_keras(), network.get_weights()
    size = -(-size // device_count()) * device_count()
    inputs = [np.zeros((size, *one.shape[1:]), input_dtype(one)) for one in network.inputs]
    network.compile(
        optimizer=keras.optimizers.Adam(0.0), loss=dataset.task.loss(), jit_compile=False
    )
    wanted = take(dataset.targets, np.zeros(size, np.int64))
    exhausted = _out_of_memory()
    try:
        with quiet_stderr(exhausted):
            network.train_on_batch(inputs if len(inputs) > 1 else inputs[0], wanted)
    except exhausted:
        return False
    finally:
        network.set_weights(kept)
    return True


def _out_of_memory():
    """What the backend raises where memory is not enough."""
    if load_keras().backend.backend() == "tensorflow":
        return load_tensorflow().errors.ResourceExhaustedError
    from jax.errors import JaxRuntimeError

    return JaxRuntimeError
