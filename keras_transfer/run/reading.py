"""From a source of examples to the examples that a strategy learns from."""

from dataclasses import replace
from hashlib import sha256

from keras_transfer import progress
from keras_transfer.backend import load_tensorflow
from keras_transfer.bases.build import find_size
from keras_transfer.config import IN_MEMORY
from keras_transfer.data.examples import check_skipped, read_examples
from keras_transfer.data.sources.specs import infer_task, read_source
from keras_transfer.data.splits import check_labels, complete_splits, find_duplicates
from keras_transfer.errors import UserError, count
from keras_transfer.features.store import open_store
from keras_transfer.strategies.dataset import Dataset
from keras_transfer.tasks import make_task


def read_dataset(source, config):
    """Read every example, leave out what is broken, draw the splits, encode the labels."""
    name = infer_task(source.table, source) if config.task == "auto" else config.task
    check_labels(source.table, name)  # before hours of reading; and again without what is broken
    load_tensorflow()
    size = find_size(config.base, config.image_size)
    store = open_store(config.cache_features, config.feature_precision)
    known = store.known_examples()
    examples = read_examples(source, size, config.resize, config.max_pixels, known)
    store.remember_examples(examples.table["sha256"], config.max_pixels, known)
    for note in (*source.notes, *examples.notes):
        progress.say(f"note: {note}")
    check_skipped(examples, config.max_skipped)
    _check_whole_classes(source.table, examples, name)
    check_labels(examples.table, name)
    table = complete_splits(examples.table, name, config.seed)
    _name_duplicates(table)
    labels = list(table["label"])
    task = make_task(name, labels, (table["split"] == "train").to_numpy(), source.targets)
    dataset = Dataset(replace(examples, table=table), task, task.encode(labels), store)
    dataset.weights(dataset.rows("train"), config.class_weight)  # refuses what has no classes
    return dataset


def _check_whole_classes(table, examples, task):
    """Refuse a set in which all examples of a class, or of a split, are unreadable."""
    for column in ("label", "split") if task == "classification" else ("split",):
        gone = sorted(set(table[column]) - set(examples.table[column]))
        if gone:
            raise UserError(
                f"no example with the {column} {gone[0]} can be read",
                f"{examples.skipped['path'].iloc[0]}: {examples.skipped['reason'].iloc[0]}",
                "Mend or remove them",
            )


def _name_duplicates(table):
    pairs = find_duplicates(table, table["sha256"])
    if pairs:
        one, other, split, other_split = pairs[0]
        progress.warn(
            f"{count(len(pairs), 'example')} in two splits make scores look better than they are; "
            f"first: {one} ({split}) and {other} ({other_split})"
        )


def read_again(config, fingerprint, data=None):
    """The Examples that a run learned from; None where they are gone.

    Args:
        config: of the run; fingerprint: of what it learned from.
        data: where the examples are now, if not where they were.

    Raises:
        UserError: `data` was named and is not what the run learned from.
    """
    if data is None and config.data == IN_MEMORY:
        progress.warn("the run's examples were in memory and are not here: name them with data=")
        return None
    source = config.data if data is None else data
    try:
        dataset = read_dataset(read_source(source, config.task), config)
        if data_fingerprint(dataset.examples.table) == fingerprint:
            return dataset
        what = source if isinstance(source, str) else type(source).__name__
        raise UserError("these are not the examples that the run learned from", what)
    except UserError as error:
        if data is not None:
            raise
        progress.warn(f"the run's examples are not used: {error}")
        return None


def data_fingerprint(table):
    """sha256 over what was learned from: contents, labels and splits, whatever their order."""
    lines = sorted(map(str, zip(table["sha256"], table["label"], table["split"], strict=True)))
    return sha256("\n".join(lines).encode()).hexdigest()
