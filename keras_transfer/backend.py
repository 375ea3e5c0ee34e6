"""Keras and TensorFlow: loaded quietly, seeded; their precision and devices."""

import contextlib
import functools
import gc
import os
import sys
import tempfile
import threading

from keras_transfer.errors import UserError

TENSOR_CORES = (
    7,
    0,
)  # compute capability from which float16 is faster (Keras mixed precision guide)


@contextlib.contextmanager
def quiet_stderr(expected=()):
    """Hold back what native libraries write to file descriptor 2; shown after all on an error.

    Args:
        expected: the class, or a tuple of classes, of errors that the caller explains himself: what
            was held back is then dropped.

    TF_CPP_MIN_LOG_LEVEL does not reach the lines that oneDNN and absl write while loading.
    """
    sys.stderr.flush()
    keep = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except KeyboardInterrupt:  # nothing in there explains it
            raise
        except expected:
            raise
        except BaseException:
            held.seek(0)
            os.write(keep, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(keep, 2)
            os.close(keep)


@contextlib.contextmanager
def for_good():
    """Import what stays: the garbage collector does not look through it, now or later.

    TensorFlow and Keras are a million objects. Looking for garbage among them takes a quarter of
    the time of their import, and 0.2 s of each full round after it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


_loading = threading.RLock()  # two threads that swap stderr at once would lose it for good


@functools.cache
def load_tensorflow():
    """The `tensorflow` module, imported without its greeting."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _loading, quiet_stderr(), for_good():
        import tensorflow

        # looks for GPUs now: on a machine without a driver that writes errors later on
        tensorflow.config.list_logical_devices()
    # a paragraph about retracing for each network that is run for the first time helps nobody
    tensorflow.get_logger().setLevel("ERROR")
    return tensorflow


@functools.cache
def load_keras():
    """The `keras` module on the backend of `KERAS_BACKEND` (TensorFlow unless it is set)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        load_tensorflow()
    with _loading, quiet_stderr(), for_good():
        import keras
    return keras


def gpus():
    """Names of the GPUs that the backend can use, empty on a CPU."""
    keras = load_keras()
    if keras.backend.backend() == "tensorflow":
        tensorflow = load_tensorflow()
        devices = tensorflow.config.list_physical_devices("GPU")
        details = [tensorflow.config.experimental.get_device_details(d) for d in devices]
        return [d.get("device_name", "GPU") for d in details]
    return [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]


def choose_precision(precision):
    """The Keras dtype policy for the knob `precision`: auto is float32 but on a fast GPU."""
    if precision != "auto":
        return precision
    keras = load_keras()
    if keras.backend.backend() != "tensorflow" or not gpus():
        return "float32"
    tensorflow = load_tensorflow()
    devices = tensorflow.config.list_physical_devices("GPU")
    details = [tensorflow.config.experimental.get_device_details(d) for d in devices]
    fast = all(d.get("compute_capability", (0, 0)) >= TENSOR_CORES for d in details)
    return "mixed_float16" if fast else "float32"


def set_seed(seed):
    """Seed Python, numpy and the backend, so that a run on the CPU can be repeated exactly."""
    load_keras().utils.set_random_seed(seed)


@contextlib.contextmanager
def precision_and_seed(precision, seed):
    """Keras's dtype policy and seed for building and training; the policy is put back after."""
    keras = load_keras()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(choose_precision(precision))
    set_seed(seed)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def find_devices(asked):
    """Names of the devices that `--devices` asks for: "all" GPUs (CPUs without one), or so many.

    Raises: UserError where there are fewer.
    """
    keras = load_keras()
    if keras.backend.backend() == "tensorflow":
        listed = load_tensorflow().config.list_logical_devices
        names = [device.name for device in listed("GPU") or listed("CPU")]
    else:
        names = keras.distribution.list_devices()
    if asked != "all" and asked > len(names):
        found = f"{asked}; there are {len(names)}: {', '.join(names)}"
        raise UserError("--devices asks for more than there are", found, "Take --devices all")
    return names if asked == "all" else names[:asked]


@contextlib.contextmanager
def among_devices(asked):
    """What is built inside trains on several devices, each of which takes a part of every batch.

    Args: as of `find_devices`. With one device nothing is changed.
    """
    if asked == 1 or len(find_devices(asked)) == 1:
        yield
        return
    keras, names = load_keras(), find_devices(asked)
    if keras.backend.backend() == "tensorflow":
        with load_tensorflow().distribute.MirroredStrategy(names).scope():
            yield
        return
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names))
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def device_count():
    """Among how many devices a batch is shared here."""
    keras = load_keras()
    if keras.backend.backend() == "tensorflow":
        return load_tensorflow().distribute.get_strategy().num_replicas_in_sync
    shared = keras.distribution.distribution()
    return 1 if shared is None else shared.device_mesh.devices.size
