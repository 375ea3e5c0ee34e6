"""The learning-rate range test: the rate grows step by step until the loss rises.

Smith 2015, arXiv:1506.01186. The steps are those that training would take: the same inputs, loss
and optimizer. All weights are put back.
"""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import each
from keras_transfer.strategies.common.compiling import compiled
from keras_transfer.strategies.common.inputs import batches_for

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 100  # of the test that is asked for
SUSPICIOUS = 10  # times the recommended rate: a named one above is tested before training
SHORT = 40  # steps of that test
TOO_HIGH = 3  # times the highest stable rate: a named one above gets a warning
SMOOTHING = 0.8  # weight of the past in the mean of losses; it lags behind by four steps
LEAST_BATCH = 32  # examples a step of a test: the loss of fewer differs too much from step to step
FIRST = 8  # steps that say what the loss is at the start, and how much batches differ
RISE = 0.1  # of the loss at the start: a rise by less is none
LEAST_RISE = 0.01  # of a loss that is nothing at the start
STOP = 4  # times the smallest loss (and so many rises): there is no more to see
FITS = 0.5  # of the loss with targets of other examples: with less a network fits already
MARGIN = {True: 3, False: 10}  # fits: times the suggested rate is the highest stable one


class RangeTest(NamedTuple):
    """What a range test found.

    Attributes:
        rates, losses, smoothed: of each step, the losses of its batch and their mean so far.
        highest_stable: the rate before the loss rose clearly; the last rate if it never did.
        rose: whether it did.
        fits: whether the network fits its targets before the test.
    """

    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    highest_stable: float
    rose: bool
    fits: bool

    def suggested(self, recommended):
        """The rate to train at, to one digit, where a recipe has a `recommended` one.

        A third of the highest stable rate of a network that fits, else a tenth: one that fits has
        nothing to learn that could hide what a long step destroys. One that begins anew has
        learned the most by the time its loss rises, and bears less before. Never so high that it
        would be SUSPICIOUS: of easy examples the loss hardly rises at any rate.
        """
        highest = min(self.highest_stable / MARGIN[self.fits], SUSPICIOUS * recommended)
        return float(f"{highest:.0e}")


class Training(NamedTuple):
    """What a strategy's first training by gradient would train, and what with.

    Attributes:
        network: a `keras.Model` in which is set what trains.
        fetch: its inputs, as `train_by_gradient` takes them.
        dataset: the Dataset, or a part of it; `holdout.fit` is trained on.
        stage: its Stage.
    """

    network: Any
    fetch: Any
    dataset: Any
    stage: Any


def range_test(network, fetch, dataset, fit, config, lowest=LOWEST, highest=HIGHEST, steps=STEPS):
    """Train with a rate that grows by the same factor each step; put all weights back.

    Args:
        network, fetch, dataset, fit, config: as of `gradient.train_by_gradient`.
        lowest, highest: rates of the first and of the last step; steps: how many.

    Returns:
        RangeTest, the same for the same seed.

    Raises:
        UserError: the loss is no number in the first step.
    """
    variables = list(network.variables)  # also seeds of dropout and statistics of batch norms
    kept = [variable.numpy() for variable in variables]
    rates = np.geomspace(lowest, highest, steps)
    batches = _batches(network, fetch, dataset, fit, config, steps + 1)  # one for `_fits`
    try:
        fits = _fits(network, next(batches))
        losses, broke = _losses(network, batches, rates)
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
    return analyse(rates[: len(losses)].tolist(), losses, broke, fits)


def _batches(network, fetch, dataset, fit, config, steps):
    """At least so many of the batches that training would see; compiles the network for them.

    Those that end an epoch and are smaller are passed over: the loss of a few examples is noise.
    """
    config = replace(config, batch_size=_batch_size(config))
    whole = min(config.batch_size, len(fit))
    epochs = -(-steps // (len(fit) // whole))
    batches, _ = batches_for(network, fetch, dataset, fit, config, epochs)
    compiled(network, dataset, config, 0.0)
    return (batch for batch in batches.as_numpy_iterator() if len(batch[-1]) >= whole)


def _batch_size(config):
    return max(config.batch_size, LEAST_BATCH)


def _fits(network, batch):
    """Whether the loss of a batch is small beside that with each other's targets."""
    inputs, targets, weights = batch
    others = each(lambda array: np.roll(array, 1, axis=0), targets)
    losses = []
    for some in (targets, others):
        network.reset_metrics()
        losses.append(_loss(network.test_on_batch(inputs, some, weights, return_dict=True)))
    return losses[0] < FITS * losses[1]


def _loss(logs):
    return float(logs["loss"])


def _losses(network, batches, rates):
    """(the loss of each step, whether the next was no number); ends where it has risen for good.

    The loss of a batch is that before the step learns from it.
    """
    losses = []
    with progress.bar("Testing learning rates", len(rates)) as advance:
        for rate, batch in zip(rates, batches, strict=False):  # they fill their last epoch
            network.optimizer.learning_rate = float(rate)
            network.reset_metrics()  # else the loss is a mean over all steps so far
            loss = _loss(network.train_on_batch(*batch, return_dict=True))
            advance()
            if not math.isfinite(loss):
                break
            losses.append(loss)
            if _is_lost(losses):
                break
    if not losses:
        found = f"{loss} in the first step, at a rate of {rates[0]:g}"
        raise UserError("the loss is no finite number", found, "Look at labels and weights")
    return losses, not math.isfinite(loss)


def smooth(losses):
    """The exponential mean of losses up to each step, without its bias towards 0."""
    mean, means = 0.0, []
    for step, loss in enumerate(losses, 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        means.append(mean / (1 - SMOOTHING**step))
    return means


def _clear_rise(losses):
    """By how much the smoothed loss must rise, so that it is no chance."""
    first = np.asarray(losses[:FIRST])
    return max(RISE * first.mean(), 2 * first.std(), LEAST_RISE)


def _is_lost(losses):
    settled = smooth(losses)[FIRST - 1 :]
    if not settled:
        return False
    smallest = min(settled)
    return settled[-1] > max(STOP * smallest, smallest + STOP * _clear_rise(losses))


def analyse(rates, losses, broke=False, fits=False):
    """The RangeTest of the losses at these rates; `broke`: the next one was no number;
    `fits` as in RangeTest."""
    smoothed, rise = smooth(losses), _clear_rise(losses)
    settled = np.array(smoothed[FIRST - 1 :] or smoothed[-1:])
    first = len(smoothed) - len(settled)
    smallest = np.minimum.accumulate(settled)
    risen = np.flatnonzero(settled > smallest + rise)
    end = risen[0] if len(risen) else len(settled)
    # the mean lags behind: when it is clear that the loss rose, it has been rising for a while
    began = np.flatnonzero(settled[:end] <= smallest[end - 1] + rise / 4)[-1]
    highest = rates[first + (began if len(risen) else end - 1)]
    return RangeTest(list(rates), list(losses), smoothed, highest, bool(len(risen)) or broke, fits)


def narrowed(dataset, config):
    """`dataset` with no more to train on than the steps of a test see, and nothing else in train.

    Inputs of what is not looked at need not be computed.
    """
    fit, most = dataset.holdout.fit, STEPS * _batch_size(config)
    if len(fit) > most:
        fit = np.sort(np.random.default_rng(config.seed).permutation(fit)[:most])
    splits = np.full(len(dataset.examples), "", object)
    splits[fit] = "train"
    table = dataset.examples.table.assign(split=splits)
    holdout = dataset.holdout._replace(fit=fit, select=fit[:0])
    return replace(dataset, examples=replace(dataset.examples, table=table), holdout=holdout)


def enough_views(stage, dataset, config):
    """`stage` with no more views of each example than the steps of a test look at."""
    looks = -(-STEPS * _batch_size(config) // len(dataset.holdout.fit))
    return stage._replace(views=stage.views[: max(2, looks)])


def check_rate(network, fetch, dataset, fit, config, plan, label):
    """Warn of a learning rate that the user named and that this training cannot bear.

    Only one that is far above the recommended rate is tested: any other costs nothing.

    Args:
        network, fetch, dataset, fit, config, plan, label: as of `gradient.train_by_gradient`.
    """
    named, usual = plan.learning_rate, plan.recommended
    if usual is None or named <= SUSPICIOUS * usual:
        return
    found = range_test(network, fetch, dataset, fit, config, usual / 10, named, SHORT)
    if found.rose and named > TOO_HIGH * found.highest_stable:
        progress.warn(
            f"{label}: a learning rate of {named:g} is too high: in a short test the loss rose at "
            f"rates above {found.highest_stable:.1g}. Leave --learning-rate out (then it is "
            f"{usual:g}) or try {min(found.suggested(usual), usual):g}"
        )
