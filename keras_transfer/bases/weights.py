"""Weights of a base: a download, a package, a file; checked shape by shape before they are used."""

import contextlib
import hashlib
import os
import sys

import numpy

from keras_transfer.bases.efficientnet_lite import read_lite_weights
from keras_transfer.bases.matching import find_targets, match, split_statistics
from keras_transfer.bases.scaling import SCALINGS
from keras_transfer.bases.weight_files import (
    find_weight_file,
    open_weights,
    read_numbers,
    read_scale,
)
from keras_transfer.errors import UserError


def download_imagenet(name, build):
    """`build(weights="imagenet")`: Keras takes its cached file, or fetches it.

    Raises:
        UserError: no network and no cached file, or a cached file that does not fit.
    """
    try:
        # Keras shows the download on stdout, which is for results
        with contextlib.redirect_stdout(sys.stderr):
            return build(weights="imagenet")
    except (OSError, ValueError) as error:  # no hash guards the files of MobileNet and V2
        advice = f"Delete its file in {_models_folder()}, so that it is fetched anew"
        raise UserError(
            f"the cached ImageNet weights of {name} are broken", error, advice
        ) from error
    except Exception as error:
        if type(error) is not Exception or not str(error).startswith("URL fetch failure"):
            raise
        raise _no_network(name, error) from error


def _models_folder():
    return f"{os.environ.get('KERAS_HOME', '~/.keras')}/models"


def _no_network(name, error):
    frame = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    file = frame.tb_frame.f_locals.get("fname", "the file")
    return UserError(
        f"the ImageNet weights of {name} are not on this machine and cannot be fetched: "
        "there is no network",
        file,
        f"Put that file into {_models_folder()}, or use --weights PATH, --weights none, "
        "or a base whose weights come as a package: --base efficientnet_lite0",
    )


def load_bundled(bare, base):
    """Put the ImageNet weights of the package `base.package` into `bare`."""
    arrays = read_lite_weights(base)
    for layer in bare.layers:
        if layer.weights:
            layer.set_weights(arrays[layer.name])


def weights_fingerprint(model):
    """sha256, in hex, over names, shapes and numbers of the weights of `model`, in its order."""
    digest = hashlib.sha256()
    for layer in model.layers:
        for position, array in enumerate(layer.get_weights()):
            digest.update(f"{layer.name}/{position} {array.dtype} {array.shape}\n".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def load_path(bare, name, path, wanted=None):
    """Put the weights that `path` holds into the bare network `bare` of the base `name`.

    Args:
        path: .weights.h5, .h5 (legacy, with or without top), .keras, or a run folder.
        wanted: names, in a fresh session, of the layers that a file has to hold, if not all.

    Returns:
        the key of SCALINGS that the file was trained with, where the file says so; else None.

    Raises:
        UserError: no such file, not a file of weights, or one that does not fit.
    """
    path = find_weight_file(path)
    targets = [one for one in find_targets(bare) if wanted is None or one.name in wanted]
    with open_weights(path) as entries:
        entries, statistics = split_statistics(entries)
        for target, entry in zip(targets, match(entries, targets, name, path), strict=True):
            target.layer.set_weights(read_numbers(entry, path))
        return _trained_scaling(path, statistics)


def _trained_scaling(path, statistics):
    """What a file itself says of its pixels.

    An EfficientNet of Keras from `weights=None` divides by 255 and has statistics that do
    nothing; with ImageNet's statistics, and without any, it is the scaling of the table.
    """
    if statistics is not None:
        mean, variance, _ = read_numbers(statistics, path)
        return "unit" if not mean.any() and (variance == 1).all() else None
    saved = read_scale(path)
    for scaling, kind in SCALINGS.items():
        if saved is not None and numpy.allclose(saved, (kind.scale, kind.offset)):
            return scaling
    return None
