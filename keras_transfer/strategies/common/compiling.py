"""How a network is made ready to be trained: one optimizer, loss and scores for all who train."""

from keras_transfer.backend import load_keras
from keras_transfer.strategies.common.optimizer import adam
from keras_transfer.strategies.common.regularization import (
    optimizer_settings,
    setting,
    takes_one_hot,
    without_decay,
)


def compiled(model, dataset, config, rate, at_once=1):
    """`model`, compiled to train what is trainable in it.

    Args:
        dataset: `data.dataset.Dataset`, whose task gives the loss; config: gives mixup, and
            what `regularization` has.
        rate: the learning rate, or a schedule of Keras.
        at_once: steps that are one compiled loop, where the backend can.
    """
    tensorflow = load_keras().backend.backend() == "tensorflow"
    one_hot, smoothing = takes_one_hot(config), setting(config, "label_smoothing")
    optimizer = adam(rate, **optimizer_settings(config))
    if optimizer.weight_decay:
        optimizer.exclude_from_weight_decay(var_list=without_decay(model.trainable_variables))
    model.compile(
        optimizer=optimizer,
        loss=dataset.task.loss(one_hot, smoothing),
        weighted_metrics=dataset.task.metrics(one_hot),
        steps_per_execution=at_once if tensorflow else 1,
        jit_compile=False if tensorflow else "auto",
    )
    return model
