"""Where features are kept on this machine, and how much they may take."""

import math
import os

from keras_transfer.environment import cache_folder
from keras_transfer.errors import UserError
from keras_transfer.features.disk import LIMIT, DiskStore


def features_folder():
    """Where features are kept."""
    return cache_folder() / "features"


def open_disk():
    """The store of this machine; `KERAS_TRANSFER_CACHE_LIMIT` says how many GiB it may take."""
    return DiskStore(features_folder(), cache_limit())


def cache_limit():
    """How many bytes the store may take."""
    asked = os.environ.get("KERAS_TRANSFER_CACHE_LIMIT") or LIMIT / 2**30
    try:
        limit = float(asked)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < math.inf:  # also where it is no number
        advice = "It is a number of GiB, for example 20"
        raise UserError("KERAS_TRANSFER_CACHE_LIMIT makes no sense", asked, advice)
    return limit * 2**30
