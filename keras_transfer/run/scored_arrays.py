"""predictions.npz: predictions and targets of the scored examples, where they are no rows of
numbers; predictions.jsonl beside it names them, in the same order."""

import zipfile

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import as_tuple, concatenate, count, from_tuple, take

ARRAYS_FILE = "predictions.npz"


def write_arrays(folder, dataset, predictions):
    """Write them; predictions: {split: (indices (n,), arrays (n, ...))}."""
    indices = np.concatenate([indices for indices, _ in predictions.values()])
    found = as_tuple(concatenate([found for _, found in predictions.values()]))
    targets = as_tuple(take(dataset.targets, indices))
    named = {f"prediction/{place}": array for place, array in enumerate(found)}
    named |= {f"target/{place}": array for place, array in enumerate(targets)}
    np.savez_compressed(folder / ARRAYS_FILE, **named)


def read_arrays(folder, wanted):
    """(predictions, targets), arrays (n, ...).

    Args:
        wanted: how many examples there have to be.

    Raises:
        UserError: the file is gone or damaged, or of other examples.
    """
    file, advice = folder / ARRAYS_FILE, "Train it again"
    try:
        with np.load(file) as kept:
            parts = [
                from_tuple([kept[name] for name in kept.files if name.startswith(kind)])
                for kind in ("prediction/", "target/")
            ]
    except FileNotFoundError:
        raise UserError("a file of the run is gone", file, advice) from None
    except (OSError, ValueError, EOFError, IndexError, zipfile.BadZipFile) as error:
        raise UserError("a file of the run is damaged", f"{file}: {error}", advice) from None
    if any(count(part) != wanted for part in parts):
        raise UserError("a file of the run is damaged", f"{file}: not {wanted} examples", advice)
    return parts
