"""What a strategy recommends where the user says nothing: pure functions of facts."""

from typing import NamedTuple


class Recipe(NamedTuple):
    epochs: int
    learning_rate: float  # at its highest
    augment: str
    patience: int | None  # epochs without improvement; None: to the end of the schedule
    epsilon: float = 1e-7  # of Adam
    smoothing: float = 0.0  # of class labels


LEAST_STEPS = 180  # a small set needs its passes, a large one does not


def _enough_epochs(pictures, batch_size, least):
    steps = max(1, -(-pictures // batch_size))
    return max(least, -(-LEAST_STEPS // steps))


def hidden_head(pictures, batch_size):
    """A head with hidden layers, trained on stored features: an epoch costs next to nothing."""
    return Recipe(_enough_epochs(pictures, batch_size, 50), 1e-3, "none", 8)


def fine_tuning(pictures, batch_size):
    """Part of a pretrained base, from a head that fits already.

    Its gradients are small, and plain Adam would make full steps of their noise: with a large
    epsilon the steps shrink with them, and smoothed labels keep a gradient where all is right
    already. The rate falls to nothing on its own, so the last weights
    are the best but for the noise of judging, and nothing stops it early. Compared by trials
    inside train on three sets of real pictures (README, "How the defaults were chosen").
    """
    epochs = _enough_epochs(pictures, batch_size, 10)
    return Recipe(epochs, 1e-3, "light", None, epsilon=1e-3, smoothing=0.1)


def from_scratch(pictures, batch_size):
    """A base without pretrained weights: long, at the usual rate of Adam."""
    return Recipe(_enough_epochs(pictures, batch_size, 60), 1e-3, "light", 15)
