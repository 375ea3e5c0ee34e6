"""Every example read once: what cannot be read is skipped, the rest is at hand as arrays.

Those whose contents were read well before are not decoded until somebody asks for them.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from keras_transfer import progress
from keras_transfer.backend import load_tensorflow
from keras_transfer.errors import ExampleError, UserError
from keras_transfer.errors import count as counted
from keras_transfer.inputs import InputSpec, find_modality
from keras_transfer.inputs.common.arrays import each, stack, take
from keras_transfer.tasks import find_task

MEMORY_LIMIT = 2**30  # bytes of decoded examples kept; above it they are decoded again on use
WORKERS = os.cpu_count() or 2


@dataclass(frozen=True)
class Examples:
    """Examples as a model takes them, by their index.

    Attributes:
        table: the readable ones, one row each, with their `sha256`.
        spec: what one becomes.
        skipped: the unreadable ones: path, label, split, reason.
        array: where the examples come from an array, that array.
        kept: decoded ones: an array (n, ...) or a tuple of them; None where they are too many.
        there: which of `kept` are decoded, bool (n,); None for all.
        notes: lines about examples that were read but are not what they seem.
    """

    table: Any
    spec: InputSpec
    skipped: Any
    array: np.ndarray | None = None
    kept: Any = field(default=None, repr=False)
    there: np.ndarray | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __len__(self):
        return len(self.table)

    @property
    def modality(self):
        return find_modality(self.spec.modality)

    @cached_property
    def digests(self):
        """sha256, in hex, of each example's contents: array (n,)."""
        return self.table["sha256"].to_numpy()

    @cached_property
    def geometries(self):
        """Of each example how it came to what the model takes: a list; see `Modality.geometry`."""

        def look(index):
            try:
                return self.modality.geometry(self.reference(index), self.spec)
            except ExampleError as error:  # it could be read before
                raise gone(f"{self.reference(index)}: {error}") from error

        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(look, range(len(self))))

    def batch(self, indices):
        """The examples at `indices` as the model takes them: arrays (len(indices), ...)."""
        indices = np.asarray(indices)
        if self.kept is None:
            return self._decode(indices)
        if self.there is not None and not self.there[indices].all():
            missing = np.unique(indices[~self.there[indices]])
            _put(self.kept, missing, self._decode(missing))
            self.there[missing] = True
        return take(self.kept, indices)

    def views(self, indices, views):
        """A view of each example at `indices`; `views` as in `Modality.augment`."""
        first = views[0] if len(views) else None
        if first is not None and first[0] in self.modality.read_anew:
            return self._read_anew(indices, views)
        batch = self.batch(indices)
        plain = all(view is None for view in views)
        return batch if plain else self.augmented(batch, indices, views)

    def augmented(self, batch, indices, views):
        """The same for a batch that is at hand."""
        return self.modality.augment(batch, self.digests[np.asarray(indices)], views)

    def _read_anew(self, indices, views):
        def load(index, view):
            reference, digest = self.reference(index), self.digests[index]
            try:
                return self.modality.load_view(reference, digest, view, self.spec)
            except ExampleError as error:  # it could be read before
                raise gone(f"{reference}: {error}") from error

        with ThreadPoolExecutor(WORKERS) as pool:
            return stack(list(pool.map(load, indices, views)))

    def reference(self, index):
        """What the example at `index` is read from: a path, or a row of an array."""
        return _reference(self.table["path"].iloc[index], self.array)

    def _decode(self, indices):
        references = [self.reference(index) for index in indices]
        with ThreadPoolExecutor(WORKERS) as pool:
            loaded = list(pool.map(self._load, references))
        return stack([one.arrays for one in loaded])

    def _load(self, reference):
        try:
            return self.modality.load(reference, self.spec)
        except ExampleError as error:  # it could be read before
            raise gone(f"{reference}: {error}") from error


def gone(found):
    """The UserError for an example that was read before and cannot be read again."""
    advice = "Leave the data as it is while a run goes on"
    return UserError("an example cannot be read any more", found, advice)


def read_examples(source, spec, readable=()):
    """Read every example of `source` once.

    Args:
        source: a `data.sources.specs.Source`; spec: InputSpec.
        readable: sha256 in hex of contents that are known to be readable.

    Returns:
        Examples. Nothing is refused here: `check_skipped` does that.
    """
    count, modality, task = len(source.table), find_modality(spec.modality), find_task(source.task)
    keep = count * spec.bytes <= MEMORY_LIMIT
    kept, there = (_empty(spec, count), np.zeros(count, bool)) if keep else (None, None)
    hashes, reasons, notes = [""] * count, {}, []
    paths, shown = list(source.table["path"]), list(source.table["shown"])
    labels, remarks = list(source.table["label"]), {}

    def read(index):
        try:
            reference = _reference(paths[index], source.array)
            data = reference if source.array is not None else Path(reference).read_bytes()
            hashes[index] = _digest(data)
            if hashes[index] not in readable:
                loaded = modality.load(data, spec).arrays
                if keep:
                    _put(kept, index, loaded)
                    there[index] = True
            if task.needs_geometry:
                for text in task.remarks(labels[index], modality.geometry(data, spec)):
                    remarks.setdefault(text, []).append(shown[index])
        except (ExampleError, OSError) as error:
            reasons[index] = str(error) if isinstance(error, ExampleError) else error.strerror
            return
        remark = source.array is None and modality.remark(paths[index], data)
        if remark:
            notes.append(f"{shown[index]} {remark}")

    load_tensorflow()  # before the bar: stderr is held back meanwhile
    with progress.bar("Reading examples", count) as advance, ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(read, range(count)):
            advance()
    for text, names in sorted(remarks.items()):
        notes.append(f"{counted(len(names), 'example')}: {text}; first: {min(names)}")
    return _assemble(source, spec, kept, there, hashes, reasons, tuple(sorted(notes)))


def _reference(path, array):
    return path if array is None else array[int(path)]


def _digest(data):
    """What tells an example from others: a file's bytes; of an array's row its shape and values."""
    if isinstance(data, bytes):
        return sha256(data).hexdigest()
    return sha256(repr(data.shape).encode() + np.ascontiguousarray(data).tobytes()).hexdigest()


def _empty(spec, count):
    arrays = tuple(np.empty((count, *tensor.shape), tensor.dtype) for tensor in spec.tensors)
    return arrays if len(arrays) > 1 else arrays[0]


def _put(arrays, indices, values):
    each(lambda array, value: array.__setitem__(indices, value), arrays, values)


def _assemble(source, spec, kept, there, hashes, reasons, notes):
    good = np.array([index not in reasons for index in range(len(source.table))], dtype=bool)
    table = source.table.assign(sha256=hashes)
    skipped = table.loc[~good, ["shown", "label", "split"]].rename(columns={"shown": "path"})
    skipped = skipped.assign(reason=[reasons[index] for index in np.flatnonzero(~good)])
    if kept is not None and not good.all():
        kept, there = take(kept, good), there[good]
    table, skipped = table[good].reset_index(drop=True), skipped.reset_index(drop=True)
    return Examples(table, spec, skipped, source.array, kept, there, notes)


def name_skipped(examples):
    """Warn of what could not be read, for work that lists it nowhere."""
    if len(examples.skipped):
        first = examples.skipped.iloc[0]
        found = f"{first['path']}: {first['reason']}"
        progress.warn(f"{counted(len(examples.skipped), 'example')} skipped; first: {found}")


def check_skipped(examples, max_skipped):
    """Refuse a set of which too much is unreadable; the first few are named."""
    missing, total = len(examples.skipped), len(examples.skipped) + len(examples)
    if missing <= max_skipped * total:
        return
    first = [f"{row.path}: {row.reason}" for row in examples.skipped.head(3).itertuples()]
    raise UserError(
        f"{missing} of {total} examples cannot be read, more than --max-skipped {max_skipped:g}",
        "; ".join(first),
        "Mend or remove them, or allow more",
    )
