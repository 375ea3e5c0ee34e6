"""What decides the numbers in a table of features: it is the table's key."""

from hashlib import sha256
from importlib.metadata import version

from keras_transfer.backend import gpus, load_keras

TABLE_SCHEMA = 2  # to be raised when decoding, resizing or augmentation give other numbers
PACKAGES = {"keras": "keras", "litert": "ai-edge-litert", "openvino": "openvino"}


def describe_table(network, runtime, examples, view, precision):
    """All that decides the numbers of a table, as JSON takes it.

    Args:
        network: `features.network.FrozenNetwork`; runtime: a name of its runtimes.
        examples: `data.examples.Examples`; view: see `inputs.Modality.augment`.
        precision: of the stored numbers.
    """
    return {
        "schema": TABLE_SCHEMA,
        "base": network.base,
        "cut": network.cut,
        "network": network.key,
        "inputs": [examples.spec.modality, *map(list, examples.spec.tensors)],
        "settings": examples.spec.settings,
        "runtime": f"{runtime} {version(PACKAGES[runtime.split('-')[0]])}",
        "device": gpus() or "cpu",
        "backend": load_keras().backend.backend(),
        "tensorflow": version("tensorflow"),
        "pillow": version("pillow"),
        "precision": precision,
        "view": examples.modality.view_key(view),
    }


def contents_key(examples):
    """What names these examples, in this order, by their contents."""
    return sha256("".join(examples.digests).encode()).hexdigest()
