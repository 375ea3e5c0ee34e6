"""Structures: an array of n examples, or a tuple of such arrays where an example has several parts.

What a network takes and gives is one: `(n, ...)`, or `((n, ...), (n, ...))` in a fixed order.
"""

import numpy as np


def as_tuple(arrays):
    """The arrays of a structure: one array alone as a tuple of one."""
    return tuple(arrays) if isinstance(arrays, tuple | list) else (arrays,)


def from_tuple(parts):
    """The structure of these arrays: a tuple of one becomes the array itself."""
    return parts[0] if len(parts) == 1 else tuple(parts)


def count(arrays):
    """How many examples there are."""
    return len(as_tuple(arrays)[0])


def take(arrays, indices):
    """The examples at `indices` (positions, a mask or a slice)."""
    return from_tuple([array[indices] for array in as_tuple(arrays)])


def concatenate(structures):
    """The examples of several structures, one after the other."""
    columns = zip(*map(as_tuple, structures), strict=True)
    return from_tuple([np.concatenate(column) for column in columns])


def batches(arrays, size):
    """The examples in parts of at most `size`, in order; one empty part where there are none."""
    return [
        take(arrays, slice(start, start + size)) for start in range(0, max(1, count(arrays)), size)
    ]


def each(function, *structures):
    """`function` of the arrays at the same place of each structure."""
    return from_tuple(
        [function(*arrays) for arrays in zip(*map(as_tuple, structures), strict=True)]
    )


def stack(examples):
    """Single examples, without the axis of examples, as one structure."""
    return each(lambda *arrays: np.stack(arrays), *examples)
