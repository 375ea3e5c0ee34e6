"""The examples that a run learned from, read once more."""

from keras_transfer import progress
from keras_transfer.config import IN_MEMORY
from keras_transfer.data.dataset import fingerprint, read_dataset
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from keras_transfer.strategies import prepare_dataset


def read_again(run, inputs, data=None):
    """The Dataset that a run learned from; None where it is gone.

    Args:
        run: `run.folder.Run`; inputs: the InputSpec of its model.
        data: where the examples are now, if not where they were.

    Raises:
        UserError: `data` was named and is not what the run learned from.
    """
    config = run.config
    if data is None and config.data == IN_MEMORY:
        progress.warn("the run's examples were in memory and are not here: name them with data=")
        return None
    spec = config.data if data is None else data
    try:
        source = read_source(spec, config.task, config.modality)
        dataset = prepare_dataset(read_dataset(source, inputs, config), config)
        if fingerprint(dataset.examples.table) == run.info.get("data"):
            return dataset
        what = spec if isinstance(spec, str) else type(spec).__name__
        raise UserError("these are not the examples that the run learned from", what)
    except UserError as error:
        if data is not None:
            raise
        progress.warn(f"the run's examples are not used: {error}")
        return None
