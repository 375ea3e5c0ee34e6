"""Training by gradient: the one loop that every strategy uses, early stopping and budget in it."""

import contextlib
import contextvars
import math
import re
import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.data.examples import gone
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import concatenate
from keras_transfer.runtimes.batching import BATCH_SIZE
from keras_transfer.runtimes.fused_norms import fused_norms
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.runtimes.postprocessed import Postprocessed
from keras_transfer.strategies.common.compiling import compiled
from keras_transfer.strategies.common.inputs import batches_for
from keras_transfer.strategies.common.judging import judge_indices
from keras_transfer.strategies.common.optimizer import warm_cosine
from keras_transfer.strategies.common.rate_test import check_rate
from keras_transfer.strategies.common.regularization import callbacks
from keras_transfer.strategies.common.tensorboard import scalars

WATCH = contextvars.ContextVar("watch", default=None)  # hears of each epoch


@contextlib.contextmanager
def watched(watch):
    """Call `watch(share, loss)` after each epoch that the holdout judges, while inside.

    Args:
        watch: function of the share of the epochs that are over and the loss on the holdout; what
            it raises ends the training. None for nobody.
    """
    token = WATCH.set(watch)
    try:
        yield
    finally:
        WATCH.reset(token)


class Schedule(NamedTuple):
    """How long and how fast to train."""

    epochs: int
    learning_rate: float
    patience: float = math.inf  # epochs without improvement before it stops, the best kept
    deadline: float = math.inf  # of time.monotonic()
    recommended: float | None = None  # the rate of the recipe, None where there is none
    batch_size: int = 32  # examples a step
    judged: int | None = None  # after how many of the epochs the holdout is predicted; None: all

    def judges(self, epoch):
        """Whether the holdout is predicted after an epoch, from 1."""
        if self.judged is None:
            return True
        return epoch * self.judged // self.epochs > (epoch - 1) * self.judged // self.epochs


def schedule(stage, config, begun):
    """The Schedule of a Stage: what the user named, else what its recipe recommends.

    `begun` is when the budget of time began to run: the same for every training of a run.
    """
    budget, recipe = config.time_budget, stage.recipe
    return Schedule(
        epochs=stage.epochs,
        learning_rate=config.learning_rate or recipe.learning_rate,
        patience=config.patience or recipe.patience or math.inf,
        deadline=math.inf if budget is None else begun + 60 * budget,
        recommended=recipe.learning_rate,
        batch_size=recipe.batch_size,
        judged=recipe.judged,
    )


def train_by_gradient(model, fetch, dataset, fit, select, config, plan, label):
    """Train what is trainable in `model`; leave it with the weights of its best epoch.

    Args:
        model: a `keras.Model` from what `fetch` gives to the task's outputs.
        fetch: RawInputs or StoredInputs (see `inputs`): what the model is fed with.
        dataset: `data.dataset.Dataset`.
        fit, select: indices to train on and to select the epoch by. With none to select by every
            epoch is run and the last weights are kept.
        config: gives seed, class_weight, mixup, tensorboard.
        plan: Schedule; label: what the progress bar says.

    Returns:
        (history, best epoch): one dict an epoch, `selected` of the best; epochs count from 1.

    Raises:
        UserError: the loss is no number in the first epoch.
    """
    keras, config = load_keras(), replace(config, batch_size=plan.batch_size)
    if len(select):  # what trains on all of train has trained on a part of it before
        check_rate(model, fetch, dataset, fit, config, plan, label)
    batches, steps = batches_for(model, fetch, dataset, fit, config, plan.epochs)
    vectors = all(len(tensor.shape) == 2 for tensor in model.inputs)
    # an epoch of a head on features is one compiled loop; of a network, Ctrl-C would wait
    rates = warm_cosine(plan.learning_rate, steps * plan.epochs)
    compiled(model, dataset, config, rates, steps if vectors else 1)
    predicted = predict_inputs(model, fetch, dataset.task)

    def judged(indices):
        return judge_indices(dataset, indices, predicted(indices), config)

    with (
        progress.bar(label, plan.epochs) as advance,
        scalars(config.tensorboard, label) as write,
    ):
        keeper = _BestKeeper(model, plan, judged, select, advance, write)
        callback = keras.callbacks.LambdaCallback(
            on_epoch_end=keeper.epoch_ended, on_train_batch_end=keeper.step_ended
        )
        # shuffled already, in an order that is a function of the seed
        settings = {
            "epochs": plan.epochs,
            "steps_per_epoch": steps,
            "shuffle": False,
            "verbose": 0,
        }
        advice = "Take --batch-size auto, or a smaller number"
        with fused_norms(model), explained(plan.batch_size, advice):
            # what averages the weights comes first: the keeper judges and keeps the average
            model.fit(batches, callbacks=[*callbacks(config), callback], **settings)
    keeper.restore()
    history = [{**row, "selected": row["epoch"] == keeper.best} for row in keeper.history]
    return history, keeper.best


@contextlib.contextmanager
def explained(batch_size, advice):
    """Say in a line what TensorFlow says in pages: files that are gone, too little memory.

    Args:
        batch_size: examples a step; advice: where a step does not fit into memory.
    """
    errors = load_tensorflow().errors
    try:
        yield
    except errors.ResourceExhaustedError as error:
        found = f"{batch_size} examples a step"
        raise UserError("a training step does not fit into memory", found, advice) from error
    except errors.OpError as error:
        # what Python raises inside of tf.data comes as an error without a kind
        read = re.search(r"(?:UserError|ExampleError): (.*)", str(error))
        missing = isinstance(error, errors.NotFoundError | errors.PermissionDeniedError)
        if not read and not missing:
            raise
        raise gone(read[1] if read else str(error).splitlines()[0]) from error


def predict_inputs(model, fetch, task=None):
    """A function of indices: the predictions of `model` for these examples.

    `task` makes them of its outputs; without one they are the outputs.
    """
    runtime = KerasRuntime(model)
    runtime = Postprocessed(runtime, task) if task else runtime

    def predicted(indices):
        parts = np.array_split(indices, range(BATCH_SIZE, len(indices), BATCH_SIZE))
        return concatenate([runtime(fetch(part)) for part in parts])

    return predicted


class _BestKeeper:
    """Scores each epoch, keeps the weights of the best, and says when to stop."""

    def __init__(self, model, plan, judged, select, advance, write):
        self.model, self.plan, self.advance, self.write = model, plan, advance, write
        self.judged, self.select = judged, select
        self.history, self.best, self.best_loss, self.weights = [], 0, math.inf, None
        self.lost, self.finite = None, True  # the step whose loss was no number
        self.begun = time.monotonic()

    def step_ended(self, step, logs):
        """Stop at once when the loss is no number: what follows is none either."""
        if self.lost is None and not math.isfinite(float(logs["loss"])):
            self.lost, self.model.stop_training = step + 1, True

    def epoch_ended(self, epoch, logs):
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}}
        row |= self._judgement(row["epoch"]) | {"seconds": round(time.monotonic() - self.begun, 3)}
        self.history.append(row)
        self.write(row, row["epoch"])
        self.advance()
        watch = WATCH.get()
        if watch is not None and "holdout_loss" in row:
            watch(row["epoch"] / self.plan.epochs, row["holdout_loss"])
        # a whole schedule ends in its best weights; the holdout is for stopping
        whole = math.isinf(self.plan.patience) and math.isinf(self.plan.deadline)
        loss = -row["epoch"] if whole else row.get("holdout_loss", -row["epoch"])
        finite = math.isfinite(row["loss"]) and math.isfinite(row.get("holdout_loss", 0.0))
        self.finite = finite
        if finite and loss < self.best_loss:
            self.best, self.best_loss = row["epoch"], loss
            self.weights = [variable.numpy() for variable in self.model.weights]
        waited = row["epoch"] - self.best >= self.plan.patience
        late = time.monotonic() > self.plan.deadline
        self.model.stop_training = waited or late or not finite

    def _judgement(self, epoch):
        if not len(self.select) or not self.plan.judges(epoch):
            return {}
        judgement = self.judged(self.select)
        names = ("loss", "temperature", "metric")
        return {f"holdout_{name}": getattr(judgement, name) for name in names}

    def restore(self):
        """Put the best weights into the model; say where training went wrong."""
        rate = self.plan.learning_rate
        advice = f"Try --learning-rate {rate / 10:g}"
        # a loss may be lost on the holdout alone: then no step was
        step = f"in step {self.lost} of" if self.lost else "on the holdout after"
        step = f"{step} epoch {len(self.history)}"
        if self.weights is None:
            found = f"{step}, at a learning rate of {rate:g}"
            raise UserError("training went wrong: the loss is no finite number", found, advice)
        if not self.finite:
            progress.warn(
                f"the loss is no finite number {step}: the weights of epoch {self.best} are kept. "
                f"{advice}"
            )
        self.model.set_weights(self.weights)
