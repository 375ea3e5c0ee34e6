"""The loop of meta-learning: steps on episodes, rows of the history, the weights to keep."""

import math
import time

import numpy as np

from keras_transfer import progress
from keras_transfer.data.episode_batches import episode_batches
from keras_transfer.errors import UserError
from keras_transfer.runtimes.keras import input_dtype
from keras_transfer.strategies.common.episodes import LABEL
from keras_transfer.strategies.common.gradient import explained
from keras_transfer.strategies.common.tensorboard import scalars

ROWS = 20  # of the history at most ...
ROW_EPISODES = 100  # ... and each of so many episodes at least
JUDGED = 50  # episodes of classes of val, the same each time
SMALLER = "Take fewer --ways, --queries or --episodes-a-step"


def train_on_episodes(learner, training, dataset, config):
    """Train on all episodes; leave the learner with the weights that are best on classes of val.

    Args:
        learner: `step(inputs)` -> (loss, accuracy), `score(inputs, ways)` -> accuracy, and
            `weights`, its variables.
        training: EpisodeTraining.

    Returns: the history, a row every hundred episodes or more.
    Raises: UserError where the loss is no finite number from the start.
    """
    source = _source(training.network, training.fetch)
    modality = dataset.examples.modality
    asked = (training.a_step, training.steps, config.seed, modality)
    budget = config.time_budget
    deadline = math.inf if budget is None else dataset.begun + 60 * budget
    keeper = _Keeper(learner, training, _judge(learner, training, dataset, config))
    with (
        progress.bar(LABEL, training.steps * training.a_step) as advance,
        scalars(config.tensorboard, LABEL) as write,
        explained(training.pool.episode.examples * training.a_step, SMALLER),
    ):
        for inputs in episode_batches(source, training.pool, *asked):
            loss, accuracy = map(float, learner.step(inputs))
            if not math.isfinite(loss):
                keeper.lost(training.rate)
                break
            late = time.monotonic() > deadline
            if keeper.stepped(loss, accuracy, late):
                write(keeper.history[-1], keeper.history[-1]["epoch"])
            advance(training.a_step)
            if late:
                break
    return keeper.restored()


def _source(network, fetch):
    return fetch.source([(tuple(one.shape[1:]), input_dtype(one)) for one in network.inputs])


def _judge(learner, training, dataset, config):
    """A function that gives the accuracy on episodes of val; None where there are none."""
    if training.judged is None:
        return None
    source, pool = _source(training.network, training.judged_fetch), training.judged
    asked = (pool, 1, JUDGED, config.seed, dataset.examples.modality)

    def judge():
        batches = episode_batches(source, *asked)
        return float(np.mean([learner.score(inputs, pool.episode.ways) for inputs in batches]))

    return judge


class _Keeper:
    """Makes rows of steps, and keeps the weights of the best: the last, where nothing judges."""

    def __init__(self, learner, training, judge):
        self.learner, self.judge, self.steps = learner, judge, training.steps
        self.a_step = training.a_step
        self.row_steps = max(-(-self.steps // ROWS), -(-ROW_EPISODES // self.a_step))
        self.history, self.waiting, self.done = [], [], 0
        self.best, self.best_score, self.weights = 0, -math.inf, None
        self.begun = time.monotonic()

    def stepped(self, loss, accuracy, last):
        """Whether this step ended a row of the history; the last one does."""
        self.done += 1
        self.waiting.append((loss, accuracy))
        if self.done % self.row_steps and self.done < self.steps and not last:
            return False
        number = len(self.history) + 1
        loss, accuracy = np.mean(self.waiting, axis=0).tolist()
        row = {"epoch": number, "episodes": self.done * self.a_step, "loss": loss}
        row |= {"accuracy": accuracy}
        if self.judge:
            row |= {"val_accuracy": self.judge()}
        row |= {"seconds": round(time.monotonic() - self.begun, 3)}
        self.history.append(row)
        self.waiting = []
        score = row.get("val_accuracy", number)
        if score > self.best_score:
            self.best, self.best_score = number, score
            self.weights = [variable.numpy() for variable in self.learner.weights]
        return True

    def lost(self, rate):
        """The loss is no number: stop, with what was good before."""
        found = f"in step {self.done + 1}, at a learning rate of {rate:g}"
        advice = f"Try --learning-rate {rate / 10:g}"
        if self.weights is None:
            raise UserError("training went wrong: the loss is no finite number", found, advice)
        progress.warn(
            f"the loss is no finite number {found}: the weights after "
            f"{self.history[self.best - 1]['episodes']} episodes are kept. {advice}"
        )

    def restored(self):
        """Put the best weights into the learner; the history."""
        for variable, value in zip(self.learner.weights, self.weights, strict=True):
            variable.assign(value)
        return [{**row, "selected": row["epoch"] == self.best} for row in self.history]
