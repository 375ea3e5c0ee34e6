"""Transfer learning for images: a folder of labelled images in, a proven model out."""

__version__ = "0.1.0"

_PUBLIC = {  # name: the module that has it; imported on first use, since Keras takes seconds
    "transfer": "keras_transfer.train",
    "adapt": "keras_transfer.adapting",
    "choose": "keras_transfer.choosing",
    "tune": "keras_transfer.tuning",
    "find_learning_rate": "keras_transfer.learning_rate",
    "Run": "keras_transfer.run.folder",
    "Predictor": "keras_transfer.run.predictor",
    "TrainConfig": "keras_transfer.config",
    "UserError": "keras_transfer.errors",
    "build_model": "keras_transfer.model.factory",
    "set_trainable": "keras_transfer.model.trainable",
    "cut": "keras_transfer.model.cut",
    "BASES": "keras_transfer.bases.table",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'keras_transfer' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC[name]), name)


def __dir__():
    return [*globals(), *__all__]
