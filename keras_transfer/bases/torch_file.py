"""Read the tensors of an old PyTorch checkpoint with numpy: no torch, and no code of the file."""

import pickle
import struct
from collections import OrderedDict

import numpy

from keras_transfer.errors import UserError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C  # torch/serialization.py, _legacy_save
PROTOCOL = 1001
STORAGES = {  # the storage classes that hold plain numbers, as little-endian numpy types
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
}


class _Tensor:
    """Where a tensor's numbers lie: the key of its storage, offset, shape and strides (counts)."""

    def __init__(self, storage, offset, shape, strides):
        self.storage, self.offset = storage, offset
        self.shape, self.strides = tuple(shape), tuple(strides)


def _rebuild_tensor(storage, offset, shape, strides, *_rest):
    return _Tensor(storage, offset, shape, strides)


class _RestrictedUnpickler(pickle.Unpickler):
    """Knows only what a state dict needs: any other name in the file is refused, not imported."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}  # key: (numpy type, count of numbers)

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) in {
            ("torch._utils", "_rebuild_tensor"),
            ("torch._utils", "_rebuild_tensor_v2"),
        }:
            return _rebuild_tensor
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no tensor needs")

    def persistent_load(self, saved_id):
        kind, dtype, key, _device, count, *view = saved_id
        if kind != "storage" or dtype not in STORAGES.values() or any(view):
            raise pickle.UnpicklingError("it holds something that is not a plain storage")
        self.storages[key] = (dtype, count)
        return key


def read_torch_file(path):
    """The state dict of a checkpoint as {name: numpy array}.

    The layout is that of torch before 1.6 (torch/serialization.py, _legacy_load): five pickles
    (magic number, protocol, system facts, state dict with persistent ids, list of storage keys),
    then each storage as an int64 count and its raw little-endian numbers.

    Raises:
        UserError: the file is cut short, is of another format, or asks for anything but tensors.
    """
    try:
        with open(path, "rb") as file:
            return _read(file)
    except FileNotFoundError:
        raise UserError("the file of weights does not exist", path) from None
    except OSError as error:
        raise UserError("the file of weights cannot be read", f"{path}: {error}") from error
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError) as error:
        raise _not_a_state_dict(path, error) from error
    except (LookupError, ImportError, struct.error, MemoryError, OverflowError) as error:
        raise _not_a_state_dict(path, error) from error


def _not_a_state_dict(path, error):
    return UserError(
        "the file of weights is not an old PyTorch state dict",
        f"{path}: {error}",
        "Nothing of it was used; install its package again",
    )


def _read(file):
    if _RestrictedUnpickler(file).load() != MAGIC_NUMBER:
        raise ValueError("its magic number is missing")
    if _RestrictedUnpickler(file).load() != PROTOCOL:
        raise ValueError("it is of another protocol")
    if not _RestrictedUnpickler(file).load().get("little_endian"):
        raise ValueError("it is not little-endian")
    unpickler = _RestrictedUnpickler(file)
    state = unpickler.load()
    keys = _RestrictedUnpickler(file).load()
    if sorted(keys) != sorted(unpickler.storages):
        raise ValueError("its storages and its tensors do not belong together")
    storages = {key: _read_storage(file, *unpickler.storages[key]) for key in keys}
    return {name: _view(tensor, storages) for name, tensor in state.items()}


def _read_storage(file, dtype, count):
    (written,) = struct.unpack("<q", file.read(8))
    if written != count:
        raise ValueError(f"a storage has {written} numbers in place of {count}")
    size = count * numpy.dtype(dtype).itemsize
    raw = file.read(size)
    if len(raw) != size:
        raise ValueError("it ends too early")
    return numpy.frombuffer(raw, dtype)


def _view(tensor, storages):
    """The array of one tensor; its offset, shape and strides may not reach outside its storage."""
    if not isinstance(tensor, _Tensor):
        raise ValueError("it holds something that is not a tensor")
    numbers = storages[tensor.storage]
    negative = min((tensor.offset, *tensor.shape, *tensor.strides)) < 0
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
    if negative or (0 not in tensor.shape and last >= len(numbers)):
        raise ValueError("a tensor reaches outside its storage")
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    view = numpy.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides)
    return view.copy()
