"""How a network is made ready to be trained: one optimizer, loss and scores for all who train."""

from keras_transfer.backend import load_keras
from keras_transfer.strategies.common.optimizer import adam


def compiled(model, dataset, config, rate, at_once=1):
    """`model`, compiled to train what is trainable in it.

    Args:
        dataset: `data.dataset.Dataset`, whose task gives the loss; config: gives mixup.
        rate: the learning rate, or a schedule of Keras.
        at_once: steps that are one compiled loop, where the backend can.
    """
    tensorflow = load_keras().backend.backend() == "tensorflow"
    model.compile(
        optimizer=adam(rate),
        loss=dataset.task.loss(bool(config.mixup)),
        weighted_metrics=dataset.task.metrics(bool(config.mixup)),
        steps_per_execution=at_once if tensorflow else 1,
        jit_compile=False if tensorflow else "auto",
    )
    return model
