"""Training by gradient: the one loop that every strategy uses, early stopping and budget in it."""

import math
import time
from typing import NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.backend import load_keras
from keras_transfer.data.pipeline import training_batches
from keras_transfer.errors import UserError
from keras_transfer.runtimes.engines import BATCH, keras_engine
from keras_transfer.strategies.judging import judge

WARM_UP = 0.1  # share of the steps over which the rate rises


class Inputs(NamedTuple):
    """Where a model's inputs come from: pixels or stored features.

    `fetch` takes row numbers and gives arrays (n, *shape); told the epoch too, it may give
    changed versions of the examples. `augmentation` is for pixels alone.
    """

    fetch: object
    shape: tuple
    augmentation: str = "none"


class Plan(NamedTuple):
    """How long and how fast to train."""

    epochs: int
    learning_rate: float
    patience: float = math.inf  # epochs without improvement before it stops, the best kept
    deadline: float = math.inf  # of time.monotonic()


def make_plan(config, recipe, begun):
    """What the user named, else what the strategy's recipe recommends.

    `begun` is when the budget of time began to run: the same for every training of a run.
    """
    budget = config.time_budget
    return Plan(
        epochs=config.epochs or recipe.epochs,
        learning_rate=config.learning_rate or recipe.learning_rate,
        patience=config.patience or recipe.patience or math.inf,
        deadline=math.inf if budget is None else begun + 60 * budget,
    )


def train_by_gradient(model, inputs, dataset, rows, holdout, config, plan, label):
    """Train what is trainable in `model`; leave it with the weights of its best epoch.

    Args:
        model: a `keras.Model` from `inputs` to the task's outputs.
        inputs: Inputs, asked for `rows` of the examples.
        examples: `Dataset`; rows, holdout: row numbers to fit and to choose the epoch by. With
            no `holdout` rows every epoch is run and the last weights are kept.
        config: gives batch_size, seed, class_weight.
        plan: Plan; label: what the progress bar says.

    Returns:
        (history, best epoch): one dict an epoch; epochs count from 1.

    Raises:
        UserError: the loss is no number in the first epoch.
    """
    keras = load_keras()
    weights = dataset.weights(rows, config.class_weight)
    batches, steps = training_batches(
        lambda places, epoch: inputs.fetch(rows[places], epoch),
        inputs.shape,
        dataset.task.one_hot(dataset.targets[rows]) if config.mixup else dataset.targets[rows],
        weights,
        config,
        plan.epochs,
        inputs.augmentation,
    )
    tensorflow = keras.backend.backend() == "tensorflow"
    # a new optimizer each time: one that was built for other variables refuses these
    model.compile(
        optimizer=keras.optimizers.Adam(
            _cosine(keras, plan.learning_rate, steps * plan.epochs),
            global_clipnorm=1.0,  # one odd batch can otherwise kill a network of ReLUs for good
        ),
        loss=dataset.task.loss(keras, bool(config.mixup)),
        weighted_metrics=dataset.task.metrics(keras, bool(config.mixup)),
        # an epoch of a head on features is one compiled loop; of a network, Ctrl-C would wait
        steps_per_execution=steps if tensorflow and len(inputs.shape) == 1 else 1,
        jit_compile=False if tensorflow else "auto",
    )
    with progress.bar(label, plan.epochs) as advance:
        judged = judge_inputs(model, inputs, dataset, config)
        keeper = _BestKeeper(model, plan, judged, holdout, advance)
        callback = keras.callbacks.LambdaCallback(on_epoch_end=keeper.epoch_ended)
        # shuffled already, in an order that is a function of the seed
        settings = {
            "epochs": plan.epochs,
            "steps_per_epoch": steps,
            "shuffle": False,
            "verbose": 0,
        }
        model.fit(batches, callbacks=[callback], **settings)
    keeper.restore()
    return keeper.history, keeper.best


def _cosine(keras, rate, steps):
    warm = max(1, round(WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm), alpha=0.01, warmup_target=rate, warmup_steps=warm
    )


def judge_inputs(model, inputs, dataset, config):
    """A function of row numbers: the Judgement of `model` on these examples."""
    run = keras_engine(model, BATCH)

    def judged(rows):
        parts = np.array_split(rows, range(BATCH, len(rows), BATCH))
        predictions = [run(np.asarray(inputs.fetch(part), np.float32)) for part in parts]
        weights = dataset.weights(rows, config.class_weight)
        return judge(dataset.task, dataset.targets[rows], np.concatenate(predictions), weights)

    return judged


class _BestKeeper:
    """Scores each epoch, keeps the weights of the best, and says when to stop."""

    def __init__(self, model, plan, judged, holdout, advance):
        self.model, self.plan, self.advance = model, plan, advance
        self.judged, self.holdout = judged, holdout
        self.history, self.best, self.best_loss, self.weights = [], 0, math.inf, None
        self.begun = time.monotonic()

    def epoch_ended(self, epoch, logs):
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}}
        row |= self._judgement() | {"seconds": round(time.monotonic() - self.begun, 3)}
        self.history.append(row)
        self.advance()
        # a whole schedule ends in its best weights; the examples for holdout are for stopping
        whole = math.isinf(self.plan.patience) and math.isinf(self.plan.deadline)
        loss = -row["epoch"] if whole else row.get("holdout_loss", -row["epoch"])
        finite = math.isfinite(row["loss"]) and math.isfinite(row.get("holdout_loss", 0.0))
        if finite and loss < self.best_loss:
            self.best, self.best_loss = row["epoch"], loss
            self.weights = [variable.numpy() for variable in self.model.weights]
        waited = row["epoch"] - self.best >= self.plan.patience
        late = time.monotonic() > self.plan.deadline
        self.model.stop_training = waited or late or not finite

    def _judgement(self):
        if not len(self.holdout):
            return {}
        judgement = self.judged(self.holdout)
        names = ("loss", "temperature", "metric")
        return {f"holdout_{name}": getattr(judgement, name) for name in names}

    def restore(self):
        if self.weights is None:
            raise UserError(
                "training went wrong in its first epoch: the loss is no number",
                f"learning rate {self.plan.learning_rate:g}",
                "Try a tenth of it with --learning-rate",
            )
        self.model.set_weights(self.weights)
