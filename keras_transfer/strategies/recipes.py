"""What a strategy recommends where the user says nothing: pure functions of facts."""

from typing import NamedTuple


class Recipe(NamedTuple):
    epochs: int
    learning_rate: float  # at its highest
    augment: str
    patience: int


LEAST_STEPS = 250  # a small set needs its passes, a large one does not


def _enough_epochs(pictures, batch_size, least):
    steps = max(1, -(-pictures // batch_size))
    return max(least, -(-LEAST_STEPS // steps))


def hidden_head(pictures, batch_size):
    """A head with hidden layers, trained on stored features: an epoch costs next to nothing."""
    return Recipe(_enough_epochs(pictures, batch_size, 50), 1e-3, "none", 8)


def fine_tuning(pictures, batch_size):
    """Part of a pretrained base: few epochs, a rate at which it keeps what it knows."""
    return Recipe(_enough_epochs(pictures, batch_size, 10), 3e-4, "light", 8)


def from_scratch(pictures, batch_size):
    """A base without pretrained weights: long, at the usual rate of Adam."""
    return Recipe(_enough_epochs(pictures, batch_size, 60), 1e-3, "light", 15)
