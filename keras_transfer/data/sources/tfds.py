"""tfds:NAME: images of TensorFlow Datasets, their encoded bytes written once to files."""

import csv
import re
import urllib.error
import urllib.request
from difflib import get_close_matches

from keras_transfer import progress
from keras_transfer.backend import load_tensorflow, quiet_stderr
from keras_transfer.data.sources.folders import SPLIT_NAMES
from keras_transfer.environment import atomic_write, cache_folder
from keras_transfer.errors import UserError
from keras_transfer.inputs.image.reading import ENDINGS, image_kind
from keras_transfer.tasks.common.labels import SEPARATOR

HOST = "https://storage.googleapis.com/tfds-data"  # where tfds keeps what it knows of its sets
NETWORK_SECONDS = 5
NAME = re.compile(r"\w+(/[\w.-]+)*(:\d+\.\d+\.\d+)?")  # NAME, NAME/CONFIG, NAME:VERSION


def tfds_folder(name):
    """The folder with the images of a TensorFlow dataset and their `metadata.csv`.

    Args:
        name: as tfds knows it: NAME, NAME/CONFIG or NAME:VERSION.

    Returns: a path below the cache folder, and remarks, a list of str.
    Raises: UserError for an unknown name, no labels, or no network where one is needed.
    """
    if not NAME.fullmatch(name):
        raise UserError("this is no name of a TensorFlow dataset", name, "Write tfds:NAME")
    folder = cache_folder() / "tfds" / name.replace(":", "-")
    if not (folder / "metadata.csv").is_file():
        builder = _prepared(name)
        _write(builder, name, folder)
    return folder, (folder / "notes.txt").read_text(encoding="utf-8").splitlines()


def _prepared(name):
    """The tfds builder of a dataset that lies on this machine; downloads it if it does not."""
    load_tensorflow()
    try:
        with quiet_stderr():
            import tensorflow_datasets as tfds
    except ImportError as error:
        advice = "pip install tensorflow-datasets importlib_resources"
        raise UserError("tfds: needs tensorflow-datasets", str(error), advice) from error
    try:
        with quiet_stderr():
            builder = tfds.builder(name)
            prepared = builder.is_prepared()
    except tfds.core.DatasetNotFoundError as error:
        near = get_close_matches(name, set(tfds.list_builders(with_community_datasets=False)))
        advice = (
            f"Did you mean {' or '.join(near)}?" if near else "tensorflow.org/datasets lists them"
        )
        raise UserError("unknown TensorFlow dataset", name, advice) from error
    except (ValueError, AssertionError) as error:  # an unknown configuration, or version
        raise UserError("unknown TensorFlow dataset", name, _first_line(error)) from error
    _image_and_label(builder, name)
    if not prepared:
        _refuse_without_network(name, builder)
        progress.say(f"downloading {name} with tensorflow-datasets")
        try:
            builder.download_and_prepare()
        except (OSError, ValueError, AssertionError, ImportError, RuntimeError) as error:
            raise UserError(f"tfds:{name} could not be prepared", _first_line(error)) from error
    return builder


def _refuse_without_network(name, builder):
    """Ask the network first: tfds itself tries for minutes before it gives up."""
    try:
        urllib.request.urlopen(HOST, timeout=NETWORK_SECONDS).close()
    except urllib.error.HTTPError:
        pass  # somebody answered
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise UserError(
            f"tfds:{name} is not on this machine and there is no network to fetch it",
            reason,
            f"Connect, or copy a prepared dataset to {builder.data_dir}",
        ) from error


def _image_and_label(builder, name):
    """Keys of the image and of its label, and the label's feature."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    keys = builder.info.supervised_keys
    keys = keys if keys and len(keys) == 2 and all(key in features for key in keys) else ()
    names = [*keys, *features]
    images = [key for key in names if isinstance(features[key], tfds.features.Image)]
    labels = [key for key in names if _label_kind(features[key])]
    if not images or not labels:
        lacks = "images" if not images else "labels that this package knows"
        advice = "Labels are a ClassLabel, a list of them, or one number"
        raise UserError(f"tfds:{name} has no {lacks}", ", ".join(features), advice)
    return images[0], labels[0], features[labels[0]]


def _label_kind(feature):
    """What a tfds feature says of an image: "class", "classes", "number", or "" if neither."""
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.ClassLabel):
        return "class"
    if isinstance(feature, tfds.features.Sequence):
        return "classes" if isinstance(feature.feature, tfds.features.ClassLabel) else ""
    number = type(feature) in (tfds.features.Scalar, tfds.features.Tensor) and feature.shape == ()
    return "number" if number and feature.np_dtype.__name__.startswith("float") else ""


def _write(builder, name, folder):
    """Write all images, `metadata.csv` and `notes.txt`; `folder` appears only when whole."""
    with atomic_write(folder, replace=False) as growing:
        growing.mkdir()
        notes, rows = [], []
        for theirs in builder.info.splits:
            split = SPLIT_NAMES.get(theirs)
            if split is None:
                notes.append(f"the split {theirs} of {name} is not used")
                continue
            found = list(_save_split(builder, name, theirs, split, growing))
            unlabelled = sum(row is None for row in found)
            if unlabelled:
                notes.append(f"{unlabelled} images in {theirs} of {name} have no label")
            rows += [row for row in found if row is not None]
        if not rows:
            raise UserError(f"tfds:{name} has no labelled images in train, validation or test")
        feature = _image_and_label(builder, name)[2]
        column = "label_value" if _label_kind(feature) == "number" else "label"
        with open(growing / "metadata.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("file_name", column, "split"), *rows])
        (growing / "notes.txt").write_text("\n".join(notes), encoding="utf-8")


def _examples(builder, split, image):
    """The examples of a split as numpy, the images as the bytes of their files."""
    import tensorflow_datasets as tfds

    with quiet_stderr():
        decoders = {image: tfds.decode.SkipDecoding()}
        return tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders))


def _save_split(builder, name, theirs, split, folder):
    """Save images one by one; yield (path, label, split), None for one without a label."""
    image, label, feature = _image_and_label(builder, name)
    examples = _examples(builder, theirs, image)
    (folder / split).mkdir(exist_ok=True)
    with progress.bar(f"writing {split}", len(examples)) as advance:
        for number, example in enumerate(examples):
            advance()
            text = _label_text(example[label], feature)
            if text is None:
                yield None
                continue
            data = bytes(example[image])
            path = f"{split}/{number:06d}{ENDINGS.get(image_kind(data), ('.bin',))[0]}"
            (folder / path).write_bytes(data)
            yield path, text, split


def _label_text(value, feature):
    kind = _label_kind(feature)
    if kind == "number":
        return repr(float(value))
    names = feature if kind == "class" else feature.feature
    numbers = [value] if kind == "class" else list(value)
    if any(number < 0 for number in numbers):
        return None  # tfds marks what is not known with -1
    return SEPARATOR.join(names.int2str(int(n)).replace(SEPARATOR, "/") for n in numbers)


def _first_line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0]
