"""A toy format: a numpy archive of the weights of a flat stack of Dense layers, run by numpy."""

import json

import numpy as np

from keras_transfer.export import Exported, Format
from keras_transfer.model.spec import spec_from_json, spec_to_json


class NumpyRuntime:
    description = "numpy"

    def __init__(self, layers, ends):
        self.layers, self.ends = layers, ends

    def __call__(self, inputs):
        x = np.asarray(inputs, np.float32)
        for kernel, bias in self.layers:
            x = np.maximum(x @ kernel + bias, 0)
        logits = [x @ kernel + bias for kernel, bias in self.ends]
        return logits[0], 1 / (1 + np.exp(-logits[1]))

    def operations(self):
        return {"matmul": len(self.layers) + len(self.ends)}


def write(network, path, sample=None):
    dense = [layer.get_weights() for layer in network.model.layers if layer.get_weights()]
    arrays = {f"{place}/{kind}": a for place, w in enumerate(dense) for kind, a in enumerate(w)}
    with open(path, "wb") as file:
        np.savez(file, spec=json.dumps(spec_to_json(network.spec)), **arrays)


def is_file(path):
    return path.suffix == ".npz" and path.is_file()


def open_file(path):
    with np.load(path) as kept:
        spec = spec_from_json(json.loads(str(kept["spec"])), path)
        count = (len(kept.files) - 1) // 2
        layers = [(kept[f"{place}/0"], kept[f"{place}/1"]) for place in range(count)]
    return Exported(NumpyRuntime(layers[:-2], layers[-2:]), spec)


FORMATS = (Format("weights-only", "weights.npz", write),)
