"""What a strategy recommends where the user says nothing: pure functions of facts."""

from typing import NamedTuple


class Recipe(NamedTuple):
    epochs: int
    learning_rate: float  # at its highest
    augment: str
    patience: int | None  # epochs without improvement; None: to the end of the schedule
    views: int = 1  # seeded versions of each example that stored activations are of


LINEAR_VIEWS = 4  # for the linear head; each costs a run of the base over all examples
MOST_VIEWS = 64
LEAST_STEPS = 180  # a small set needs its passes, a large one does not


def _enough_epochs(examples, batch_size, least):
    steps = max(1, -(-examples // batch_size))
    return max(least, -(-LEAST_STEPS // steps))


def hidden_head(examples, batch_size):
    """A head with hidden layers, trained on stored features: an epoch costs next to nothing."""
    return Recipe(_enough_epochs(examples, batch_size, 50), 1e-3, "none", 8)


def fine_tuning(examples, batch_size):
    """Part of a pretrained base, from a head that fits already.

    The rate falls to nothing on its own, so the last weights are the best but for the noise of
    judging, and nothing stops it early. An epoch sees versions of the examples that no other
    epoch saw: with eight of them thirty epochs learned flowers by heart. Compared by trials inside
    train on real images (docs/how-it-works.md, "How the defaults were chosen").
    """
    epochs = _enough_epochs(examples, batch_size, 10)
    return Recipe(epochs, 3e-4, "light", None, views=MOST_VIEWS)


def from_scratch(examples, batch_size):
    """A base without pretrained weights: long, at the usual rate of Adam."""
    return Recipe(_enough_epochs(examples, batch_size, 60), 1e-3, "light", 15)
