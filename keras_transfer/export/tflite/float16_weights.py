"""Heavy weights of a TFLite file in float16; all else stays float32."""

import numpy as np

from keras_transfer.errors import UserError

HEAVY = 1024  # numbers; fewer in float16 would hardly make a file smaller
EMPTY = 0  # the number of a buffer without data, in every TFLite file
DENSE = ("CONV_2D", "FULLY_CONNECTED")


def to_float16_weights(data):
    """A float32 TFLite file (bytes) with the kernels of its dense layers in float16.

    The converter's own float16 has every constant so. Depthwise kernels and biases, with batch
    norms folded in, are large numbers that cancel: without theirs a file is a third to a fifth as
    far from the model, and 2 to 6 % larger (`benchmarks/tflite_choices.py`).

    Raises:
        UserError: over 2 GB, where weights lie behind the flatbuffer.
    """
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    if any(buffer.offset > 1 for buffer in model.buffers):
        advice = "Take tflite-dynamic"
        raise UserError("too large for float16", f"{len(data) / 2**30:.1f} GiB", advice)
    code = _code_of(model, schema)
    for graph in model.subgraphs:
        kernels = _heavy_kernels(model, graph, schema)
        widened = [_halve(model, graph, index, code, schema) for index in kernels]
        graph.operators = widened + graph.operators
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _heavy_kernels(model, graph, schema):
    """Numbers of the float32 constants that dense layers multiply by and that float16 reaches."""
    dense = {getattr(schema.BuiltinOperator, name) for name in DENSE}
    found = {}  # an ordered set: several layers may share one
    for operator in graph.operators:
        if model.operatorCodes[operator.opcodeIndex].builtinCode in dense:
            index = int(operator.inputs[1])
            if graph.tensors[index].type == schema.TensorType.FLOAT32:
                numbers = _numbers(model, graph.tensors[index])
                if len(numbers) >= HEAVY and np.abs(numbers).max() <= np.finfo(np.float16).max:
                    found[index] = None
    return list(found)


def _numbers(model, tensor):
    """What a float32 constant holds; nothing of what is computed."""
    held = model.buffers[tensor.buffer].data
    return np.frombuffer(b"" if held is None else bytes(held), np.float32)


def _halve(model, graph, index, code, schema):
    """Move a constant into a new one of float16; returns the operator that widens it again."""
    tensor = graph.tensors[index]
    numbers = _numbers(model, tensor)
    half, buffer = schema.TensorT(), schema.BufferT()
    buffer.data = np.frombuffer(numbers.astype(np.float16).tobytes(), np.uint8)
    model.buffers.append(buffer)
    half.shape, half.name = tensor.shape, tensor.name + b"/half"
    half.type, half.buffer = schema.TensorType.FLOAT16, len(model.buffers) - 1
    graph.tensors.append(half)
    held, tensor.buffer = tensor.buffer, EMPTY  # it is computed now
    if all(other.buffer != held for one in model.subgraphs for other in one.tensors):
        model.buffers[held].data = None
    widen = schema.OperatorT()
    widen.opcodeIndex, widen.inputs, widen.outputs = code, [len(graph.tensors) - 1], [index]
    widen.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    widen.builtinOptions = schema.DequantizeOptionsT()
    return widen


def _code_of(model, schema):
    """The number of DEQUANTIZE in a model's table of operations, added where it is not there."""
    wanted = schema.BuiltinOperator.DEQUANTIZE
    for number, known in enumerate(model.operatorCodes):
        if known.builtinCode == wanted:
            return number
    added = schema.OperatorCodeT()
    added.builtinCode, added.deprecatedBuiltinCode = wanted, wanted
    added.version = 3  # the first that reads float16
    model.operatorCodes.append(added)
    return len(model.operatorCodes) - 1
