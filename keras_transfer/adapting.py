"""`adapt()`, also `keras-transfer adapt`: a run's base for other classes, from a handful of images.

It is a training with `--strategy few_shot` and the weights of that run.
"""

import dataclasses

from keras_transfer import progress
from keras_transfer.bases.table import BASES
from keras_transfer.config import IN_MEMORY, find_in, make_config
from keras_transfer.errors import UserError
from keras_transfer.tasks import find_task


def adapt(model, data, *, add=False, out=None, overwrite=False, quiet=False, **knobs):
    """A new run for other classes, with the base of an earlier one as it was trained.

    Args:
        model: the folder of the earlier run.
        data: a handful of labelled examples; as of `transfer`.
        add: whether the classes of the earlier run are predicted as well; no example of them is
            needed, since features of its training examples travel with it.
        out, overwrite, quiet: as of `transfer`.
        **knobs: fields of `TrainConfig` and of the strategy few_shot, for example `method`.

    Returns: Run.
    Raises: UserError where the command ends with exit code 2.
    """
    from keras_transfer.data.sources.specs import is_in_memory
    from keras_transfer.train import run_transfer

    spec = IN_MEMORY if is_in_memory(data) else str(data)
    config = adapted_config(model, add, data=spec, **knobs)
    with progress.quietly(quiet):
        return run_transfer(config, data, out, overwrite)


def adapted_config(model, add=False, **knobs):
    """The TrainConfig that goes on from a run; arguments as of `adapt`."""
    from keras_transfer.run.folder import Run

    run = Run.open(model)
    earlier, folder = run.config, str(run.folder.resolve())
    task = find_task(run.metrics["task"])
    if task.taps:
        raise UserError("adapt learns classes of whole examples", f"task {task.name}", "Use train")
    known = earlier.base in BASES
    settings = {
        "base": earlier.base if known else _own_base(run),
        "weights": folder if known else "auto",
        "pooling": earlier.pooling,
        "modality": earlier.modality,
        "strategy": "few_shot",
        "method": getattr(earlier, "method", "ridge"),  # what its base was trained for
        "keep_classes": folder if add else "",
    }
    modality = vars(find_in("inputs", "modality", earlier.modality)).get("Settings")
    for field in dataclasses.fields(modality) if modality else ():
        settings[field.name] = getattr(earlier, field.name)
    return make_config(**{**settings, **knobs})


def _own_base(run):
    """The base of a run on a `keras.Model` of the user's own, which no name brings back."""
    from keras_transfer.backend import load_keras
    from keras_transfer.model.pooled import POOL

    model = run.model
    return load_keras().Model(model.inputs, model.get_layer(POOL).input, name=model.name)
