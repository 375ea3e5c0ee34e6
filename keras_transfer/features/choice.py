"""Which runtime computes features: by how many they are, or by a measurement on this machine."""

from keras_transfer import progress
from keras_transfer.backend import gpus, load_keras
from keras_transfer.errors import UserError
from keras_transfer.runtimes.openvino import has_openvino

FAST_FROM = 300  # examples; converting a small network costs as long as Keras takes for so many
MEASURE_FROM = 2000  # examples; as long as converting and measuring takes for others


def stored_precision(precision, shapes):
    """The precision in which features are stored, where `auto` leaves it open.

    Maps of several stages take a hundred times the room of pooled features, and what is trained
    above them begins with a batch norm.

    Args:
        precision: auto, float32, float16 or bfloat16; shapes: of an example's tensors.
    """
    if precision != "auto":
        return precision
    return "float32" if len(shapes) == 1 else "float16"


def name_runtime(count, small, precision="float32", remembered=None):
    """The runtime for `count` examples: a name, or "measure" where it is not known yet.

    On a `small` network LiteRT is the faster one on every CPU that was tried; of others, and for
    very many examples, it is measured. The choice depends on numbers alone, not on how fast the
    machine happens to be at the moment, so that a second run on it finds the features of the first.
    """
    on_cpu = not gpus() and load_keras().backend.backend() == "tensorflow"
    if precision == "bfloat16":
        check_feature_precision(precision)
        return "openvino-bfloat16"
    if not on_cpu or load_keras().config.dtype_policy().name != "float32":
        return "keras"
    if remembered and (remembered != "openvino" or has_openvino()):
        return remembered
    if count >= MEASURE_FROM:
        return "measure"
    return "litert" if small and count >= FAST_FROM else "keras"


def check_feature_precision(precision):
    """Refuse numbers of features that nothing here can compute."""
    if precision == "bfloat16" and not has_openvino():
        raise UserError(
            "--feature-precision bfloat16 needs OpenVINO",
            "not installed",
            "pip install 'keras_transfer[openvino]', or take float32",
        )


def measure_runtimes(network, sample):
    """The name of the fastest runtime that agrees with Keras.

    Args:
        network: `features.network.FrozenNetwork`; sample: a batch of its inputs (n, ...).
    """
    seconds = {"keras": network.seconds("keras", sample)}
    for name in ("litert", "openvino") if has_openvino() else ("litert",):
        if network.prove(name, sample):
            seconds[name] = network.seconds(name, sample)
    best = min(seconds, key=seconds.get)
    speed = len(sample) / seconds[best]
    progress.say(f"features are computed by {best}, {speed:.0f} examples/s")
    return best
