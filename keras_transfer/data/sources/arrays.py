"""Read (inputs, labels) arrays and tf.data.Datasets: check the inputs, name the labels."""

import numpy as np

from keras_transfer.backend import load_tensorflow
from keras_transfer.data.pipeline import without_autotuning
from keras_transfer.errors import UserError
from keras_transfer.tasks.common.labels import plain_label

MOST_BYTES = 4 * 2**30  # of images from a dataset of unknown length: it might never end


def read_arrays(inputs, labels, modality):
    """Arrays as examples.

    Args:
        inputs: (n, ...), as `modality.check_array` takes them: images are uint8 (n, height, width,
            3), (n, height, width, 1) or (n, height, width).
        labels: n labels: names, numbers, tuples of names, or (n, k) numbers to predict.

    Returns: the checked inputs; a list of n plain labels; names of several numbers.
    Raises: UserError.
    """
    return _checked(modality.check_array(np.asarray(inputs)), labels)


def is_tf_dataset(data):
    """Whether `data` is a tf.data.Dataset, without importing tensorflow to know."""
    names = [f"{kind.__module__}.{kind.__name__}" for kind in type(data).__mro__]
    return "tensorflow.python.data.ops.dataset_ops.DatasetV2" in names


def read_tf_dataset(dataset, modality):
    """The (input, label) pairs of a finite tf.data.Dataset, batched or not, read once into memory.

    Images are uint8 as in `read_arrays`, of one size or of many; labels integers, floats, texts,
    or rows of numbers to predict.

    Returns: as `read_arrays`; images of many sizes are an object array of uint8 (h, w, 3).
    Raises: UserError, also for a dataset that never ends.
    """
    tf = load_tensorflow()
    try:
        batches = list(_batches(dataset, tf, modality))
    except tf.errors.OpError as error:
        found = (error.message.strip() or type(error).__name__).splitlines()[0]
        raise UserError("the tf.data.Dataset fails while it is read", found) from error
    if not batches:
        raise UserError("the tf.data.Dataset is empty", "", "Pass at least two examples a class")
    images, labels = zip(*batches, strict=True)
    if len({label.shape[1:] for label in labels}) > 1:
        raise UserError("labels of the tf.data.Dataset differ in shape")
    return _checked(_joined(images), np.concatenate(labels))


def _batches(dataset, tf, modality):
    """Yield (images uint8 (n, h, w, 3), labels (n, ...)) of each element."""
    length, spec, total = int(dataset.cardinality()), dataset.element_spec, 0
    if length == tf.data.INFINITE_CARDINALITY:
        raise UserError("the tf.data.Dataset never ends", "", "dataset.take(n) gives it an end")
    if not (
        isinstance(spec, tuple)
        and len(spec) == 2
        and all(isinstance(part, tf.TensorSpec) for part in spec)
    ):
        raise UserError("the tf.data.Dataset does not give pairs (image, label)", spec)
    for element in without_autotuning(dataset).as_numpy_iterator():
        image, label = map(np.asarray, element)
        single = modality.is_single(image, label)
        images, labels = (image[None], label[None]) if single else (image, np.atleast_1d(label))
        images = modality.check_array(images)
        total += images.nbytes
        if length == tf.data.UNKNOWN_CARDINALITY and total > MOST_BYTES:
            raise UserError(
                "the tf.data.Dataset does not know its length and may never end",
                f"no end after {total / 2**30:.3g} GiB of images",
                "dataset.apply(tf.data.experimental.assert_cardinality(n)) tells it",
            )
        yield images, labels


def _joined(batches):
    """Batches of images as one array: of objects, where their sizes differ."""
    if len({batch.shape[1:] for batch in batches}) == 1:
        return np.concatenate(batches)
    each = [image for batch in batches for image in batch]
    images = np.empty(len(each), object)
    images[:] = each
    return images


def _checked(images, labels):
    """Images, plain labels and names of targets, where there are as many of each."""
    labels, targets = _plain_labels(labels)
    if len(labels) != len(images):
        raise UserError("examples and labels differ in number", f"{len(images)} and {len(labels)}")
    if not len(images):
        raise UserError("the arrays are empty", "", "Pass at least two examples a class")
    return images, labels, targets


def _plain_labels(labels):
    """Labels as str or tuples of str, and target names where each image has several numbers."""
    if isinstance(labels, np.ndarray) and labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]  # as keras.datasets deliver them
    if not isinstance(labels, np.ndarray) or labels.ndim == 1:
        return [plain_label(label) for label in labels], ()
    if labels.ndim != 2:
        raise UserError("labels must be one an example", f"shape {labels.shape}")
    if np.isin(labels, (0, 1)).all():
        raise UserError(
            "labels are rows of 0 and 1",
            f"shape {labels.shape}",
            "Pass labels.argmax(axis=1) for classes, or a list of tuples of names",
        )
    targets = tuple(str(number) for number in range(labels.shape[1]))
    return [tuple(plain_label(value) for value in row) for row in labels], targets
