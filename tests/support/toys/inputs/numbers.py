"""A toy modality: a row of four numbers, from a text file or an array."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_transfer.errors import ExampleError
from keras_transfer.inputs import InputSpec, Loaded, Modality, Tensor


@dataclass(frozen=True, kw_only=True)
class Settings:
    divisor: float = 1.0
    """What the numbers of a file are divided by."""


class Numbers(Modality):
    name = "numbers"
    endings = frozenset({".txt"})

    def spec(self, base, config):
        tensor = Tensor("row", (4,), "float32")
        return InputSpec(self.name, (tensor,), {"divisor": config.divisor})

    def load(self, reference, spec):
        if isinstance(reference, np.ndarray):
            return Loaded(reference.astype(np.float32) / spec.settings["divisor"])
        text = reference if isinstance(reference, bytes) else Path(reference).read_bytes()
        try:
            row = np.array(text.split(), np.float32)
        except ValueError as error:
            raise ExampleError("not a row of numbers") from error
        if row.shape != (4,):
            raise ExampleError(f"{len(row)} numbers in place of 4")
        return Loaded(row / np.float32(spec.settings["divisor"]))


MODALITY = Numbers()
