"""What holds a tuning back from learning a small set by heart; each is off unless it is named."""

import contextlib
from dataclasses import dataclass

from keras_transfer.backend import load_keras
from keras_transfer.errors import UserError
from keras_transfer.model.factory import base_layers

KERNELS = 2  # dimensions from which a variable is no bias and none of a normalisation


@dataclass(frozen=True, kw_only=True)
class RegularizationSettings:
    """Settings of all strategies that tune a base by gradient."""

    label_smoothing: float = 0.0
    """Share of a label that is spread evenly over all classes, for example 0.1 (Szegedy et al.
    2016, arXiv:1512.00567)."""
    weight_decay: float = 0.0
    """Share of a kernel that is taken off in each step, times the learning rate; biases and
    normalisations keep all (AdamW: Loshchilov and Hutter 2019, arXiv:1711.05101)."""
    l2_sp: float = 0.0
    """Pull of the base's kernels towards the pretrained ones: half of this times the squared
    distance joins the loss (L2-SP: Li et al. 2018, arXiv:1802.01483)."""
    stochastic_depth: float = 0.0
    """Share of its residual branches that the last block drops in training, earlier blocks less;
    of bases that have it, EfficientNet and EfficientNetV2 (Huang et al. 2016,
    arXiv:1603.09382)."""
    weight_average: float = 0.0
    """Momentum of an exponential moving average of the weights, for example 0.99, which is what
    is judged and kept (Polyak and Juditsky 1992, doi:10.1137/0330046)."""

    LIMITS = {  # noqa: RUF012
        "label_smoothing": (0.0, 0.9),
        "weight_decay": (0.0, 10.0),
        "l2_sp": (0.0, 100.0),
        "stochastic_depth": (0.0, 0.9),
        "weight_average": (0.0, 0.9999),
    }


def setting(config, name):
    """The value of one of these settings; 0 for a strategy that has none of them."""
    return getattr(config, name, 0.0)


def takes_one_hot(config):
    """Whether targets are what `task.one_hot` gives: they are mixed, or smoothed."""
    return bool(config.mixup) or bool(setting(config, "label_smoothing"))


@contextlib.contextmanager
def regularized(model, network, config):
    """`network`, the part of `model` that trains, with what `config` asks for, while inside.

    L2-SP pulls towards the weights that the base has now.

    Raises: UserError where the base has no stochastic depth.
    """
    keras = load_keras()
    head = {layer.name for layer in model.layers} - {layer.name for layer in base_layers(model)}
    kernels = [
        variable
        for layer in network.layers
        if layer.name not in head
        for variable in layer.trainable_variables
        if len(variable.shape) >= KERNELS
    ]
    before = [variable.regularizer for variable in kernels]
    strength = setting(config, "l2_sp")
    for variable in kernels if strength else ():
        variable.regularizer = _pull(keras.ops.convert_to_numpy(variable), strength)
    rates = _set_depth(model, network, setting(config, "stochastic_depth"))
    try:
        yield
    finally:
        for variable, regularizer in zip(kernels, before, strict=True):
            variable.regularizer = regularizer
        for layer, rate in rates.items():
            layer.rate = rate


def _pull(start, strength):
    """The penalty of a kernel for its distance from where it started."""
    ops = load_keras().ops

    def penalty(kernel):
        return 0.5 * strength * ops.sum(ops.square(kernel - ops.cast(start, kernel.dtype)))

    return penalty


def _set_depth(model, network, share):
    """Let residual branches be dropped; {layer: the rate that it had}."""
    if not share:
        return {}
    layers = [layer for layer in base_layers(model) if _drops_branches(layer)]
    if not layers:
        advice = "Take an EfficientNet or EfficientNetV2, or leave it out"
        raise UserError(f"{model.name} has no stochastic depth", f"{share:g}", advice)
    inside = {layer.name for layer in network.layers}
    before = {layer: layer.rate for layer in layers if layer.name in inside}
    for place, layer in enumerate(layers, start=1):
        if layer in before:
            layer.rate = share * place / len(layers)
    return before


def _drops_branches(layer):
    """Whether a layer drops a residual branch of whole examples, as Keras's networks have them."""
    dropout = load_keras().layers.Dropout
    return isinstance(layer, dropout) and tuple(layer.noise_shape or ())[1:] == (1, 1, 1)


def optimizer_settings(config):
    """What the optimizer is given besides its rate."""
    settings = {}
    if setting(config, "weight_decay"):
        settings["weight_decay"] = config.weight_decay
    if setting(config, "weight_average"):
        settings |= {"use_ema": True, "ema_momentum": config.weight_average}
    return settings


def without_decay(variables):
    """Those that weight decay leaves alone: biases, and what normalisations have."""
    return [variable for variable in variables if len(variable.shape) < KERNELS]


def callbacks(config):
    """Keras callbacks that put the average of the weights in their place at an epoch's end."""
    if not setting(config, "weight_average"):
        return []
    return [load_keras().callbacks.SwapEMAWeights(swap_on_epoch=True)]
