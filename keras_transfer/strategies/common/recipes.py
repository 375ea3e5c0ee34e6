"""What a strategy recommends where the user says nothing: pure functions of facts."""

from typing import NamedTuple


class Recipe(NamedTuple):
    epochs: int
    learning_rate: float  # at its highest
    augment: str
    patience: int | None  # epochs without improvement; None: to the end of the schedule
    views: int = 1  # seeded versions of each example that stored activations are of
    batch_size: int = 32
    judged: int | None = None  # epochs after which the holdout is predicted; None: after each


LINEAR_VIEWS = 4  # for the linear head; each costs a run of the base over all examples
FEW_SHOT_VIEWS = 3  # of a handful of examples: 0.3 points (docs/training.md)
MOST_VIEWS = 64
LEAST_STEPS = 180  # a small set needs its passes, a large one does not
BATCH_SIZE = 32
SMALL_SET = 1000  # training examples; fewer are tuned on in batches so small ...
SMALL_BATCH = 8
SMALL_STEPS = 240  # ... and at least so many steps: as good as 180 of 32, for half the work
DENSE_EPOCHS = 20  # at least, of a head with a pyramid: it begins with nothing
DENSE_STEPS = 500  # of tuning below it
DENSE_VIEWS = 8  # each is a run of the base over all examples
DENSE_JUDGED = 4
FEW = 20  # training examples a class; with fewer tuning a base brought nothing (docs/results.md)


class LabelFacts(NamedTuple):
    """What is known of labels before an example is read.

    Attributes:
        typical: training examples of a class, the median; all of them where there are no classes.
        rarest: training examples of the rarest class.
        exclusive: whether each example has one class.
    """

    typical: int
    rarest: int
    exclusive: bool


def strategies_for(facts, pretrained=True, new_classes=False):
    """([names of strategies, the most promising first], the reason), for `--strategy auto`.

    The rule follows from the table "Few labels" in docs/results.md.

    Args:
        facts: LabelFacts; pretrained: whether the base is.
        new_classes: whether it will be asked about classes that are not in train.
    """
    if not pretrained:
        if new_classes and facts.exclusive:
            return ["protonet", "fine_tuning"], "an untrained base, and classes to come"
        return ["fine_tuning", "protonet"], "an untrained base"
    if facts.exclusive and facts.rarest < 2:
        return ["few_shot"], "a class with a single example"
    frozen = ["few_shot", "feature_extraction"] if facts.exclusive else ["feature_extraction"]
    if facts.typical < FEW:
        return [*frozen, "fine_tuning"], f"fewer than {FEW} training examples a class"
    return ["fine_tuning", *reversed(frozen)], f"{FEW} training examples a class or more"


def _enough_epochs(examples, batch_size, least, least_steps=LEAST_STEPS):
    steps = max(1, -(-examples // batch_size))
    return max(least, -(-least_steps // steps))


def head(task, examples, batch_size=None):
    """A head that no solver fits, on a frozen base."""
    if task.needs_geometry:
        return dense_head(task, examples, batch_size)
    return hidden_head(examples, batch_size)


def hidden_head(examples, batch_size=None):
    """A head with hidden layers, trained on stored features: an epoch costs next to nothing.

    Args:
        examples: to train on; batch_size: None for the recipe's own.
    """
    size = batch_size or BATCH_SIZE
    return Recipe(_enough_epochs(examples, size, 50), 1e-3, "none", 8, batch_size=size)


def dense_head(task, examples, batch_size=None):
    """A head of targets inside an example, on stored maps of several stages.

    Args:
        task: says how many steps such a head wants, and at which rate.
    """
    size = batch_size or SMALL_BATCH
    epochs = _enough_epochs(examples, size, DENSE_EPOCHS, task.head_steps)
    views = min(DENSE_VIEWS, epochs)
    return Recipe(epochs, task.head_rate, "light", None, views, size, DENSE_JUDGED)


def tuning(task, examples, batch_size=None, whole=False):
    """Part of a pretrained base, or all of it, below a head of `task`."""
    if task.needs_geometry:
        return dense_tuning(examples, batch_size)
    return fine_tuning(examples, batch_size, whole)


def dense_tuning(examples, batch_size=None):
    """Part of a base below such a head."""
    size = batch_size or SMALL_BATCH
    epochs = _enough_epochs(examples, size, 6, DENSE_STEPS)
    return Recipe(epochs, 5e-4, "light", None, MOST_VIEWS, size, DENSE_JUDGED)


def fine_tuning(examples, batch_size=None, whole=False):
    """Part of a pretrained base, or all of it, from a head that fits already.

    The rate falls to nothing on its own, so the last weights are the best but for the noise of
    judging, and nothing stops it early. An epoch sees versions of the examples that no other
    epoch saw: with eight of them thirty epochs learned flowers by heart. Compared by trials inside
    train on real images (docs/how-it-works.md, "How the defaults were chosen").
    """
    if batch_size is None and examples < SMALL_SET and not whole:
        size, epochs = SMALL_BATCH, _enough_epochs(examples, SMALL_BATCH, 3, SMALL_STEPS)
    else:
        size = batch_size or BATCH_SIZE
        epochs = _enough_epochs(examples, size, 10)
    return Recipe(epochs, 3e-4, "light", None, MOST_VIEWS, size)


def from_scratch(examples, batch_size=None):
    """A base without pretrained weights: long, at the usual rate of Adam."""
    size = batch_size or BATCH_SIZE
    return Recipe(_enough_epochs(examples, size, 60), 1e-3, "light", 15, batch_size=size)
