"""RISE: how much higher an output is where a place was kept than where it was hidden.

Petsiuk et al. 2018, arXiv:1806.07421. It asks the model itself and needs no gradients, so it works
for any base and backend; an example takes `MASKS` predictions.
"""

import numpy as np

from keras_transfer.backend import load_keras
from keras_transfer.explain.common.network import (
    choose_outputs,
    image_input,
    resize_maps,
    scale_maps,
    score_tensor,
)
from keras_transfer.inputs.common.arrays import as_tuple, count, from_tuple, take
from keras_transfer.runtimes.batching import BATCH_SIZE
from keras_transfer.runtimes.keras import KerasRuntime

MASKS = 256  # an even number: each goes with its opposite, which takes much of the noise away
CELLS = 7  # of a mask, along a side
SEED = 0  # the same masks for every example, and each time


def maps(model, inputs, outputs=None):
    """How much each place speaks for an output: float32 (n, height, width) in 0..1.

    A random half of the example is replaced by its mean colour, softly, many times. A pixel's value
    is the covariance of its being kept with the score; what lowers the score counts as 0.

    Args:
        model: any `keras.Model`.
        inputs: (n, height, width, channels), as the model takes them; of several inputs the first
            of this shape is hidden in part.
        outputs: as of `grad_cam.maps`.

    Returns:
        At the inputs' size; each map's largest value is 1.

    Raises:
        UserError: no input has rows and columns, or no such output.
    """
    place, pixels = image_input(inputs)
    run = KerasRuntime(load_keras().Model(model.input, score_tensor(model)))
    outputs = choose_outputs(run(inputs).reshape(count(inputs), -1), outputs)
    masks = draw_masks(*pixels.shape[1:3])
    found = []
    for number, output in enumerate(outputs):
        example = take(inputs, slice(number, number + 1))
        parts = [
            run(_hide(example, place, masks[start : start + BATCH_SIZE]))
            for start in range(0, len(masks), BATCH_SIZE)
        ]
        scores = np.concatenate(parts).reshape(len(masks), -1)[:, output]
        found.append(np.tensordot(scores - scores.mean(), masks, axes=1))
    return scale_maps(np.stack(found))


def draw_masks(height, width):
    """Masks float32 (MASKS, height, width), 1 where an example is kept: coarse, soft, shifted."""
    rng = np.random.default_rng(SEED)
    coarse = rng.integers(0, 2, (MASKS // 2, CELLS + 1, CELLS + 1)).astype(np.float32)
    cells = [-(-side // CELLS) for side in (height, width)]  # pixels of one, rounded up
    large = resize_maps(coarse, *[(CELLS + 1) * cell for cell in cells], smooth=False)
    shifts = rng.integers(0, cells, (len(large), 2))
    kept = [one[y : y + height, x : x + width] for one, (y, x) in zip(large, shifts, strict=True)]
    return np.concatenate([kept, 1 - np.array(kept)])


def _hide(example, place, masks):
    """One example (1, ...), as often as there are masks, its mean colour where they are 0."""
    parts = [np.repeat(array, len(masks), axis=0) for array in as_tuple(example)]
    kept = masks[..., None]
    colour = parts[place][:1].mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    parts[place] = parts[place] * kept + colour * (1 - kept)
    return from_tuple(parts)
