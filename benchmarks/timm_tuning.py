"""timm's side of `fine_tuning.py`: the whole network trained as users of timm (PyTorch) do it.

It runs in an environment of its own, which neither has nor needs Keras:

    python -m venv DIR
    DIR/bin/pip install torch timm pillow
    python benchmarks/fine_tuning.py --torch-python DIR/bin/python

Nothing was tuned on these sets. AdamW at PyTorch's default rate of 1e-3 for the new head and a
tenth of it for the pretrained body: timm's author advises a tenth of the rate from scratch
(huggingface/pytorch-image-models, issue 25), "Dive into Deep Learning" ("Fine-Tuning") ten times
the body's rate for the head. Weight decay 0.05, none on norms and biases; a cosine after a warm-up
of a tenth of the steps; dropout 0.2 as timm notes for this network. timm's own defaults: crops of
0.08 to 1 of the area, flips, an incomplete last batch dropped; to evaluate, the middle of the image
at 256 pixels. As many epochs as the Keras guide's two stages together. Batch norms train, as they
do unless one stops them. Images are decoded once and kept, as on the other sides; channels come
last, which is faster on a CPU.
"""

import json
import os
import sys

# Threads that wait actively take three times the CPU seconds where other work shares the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from timm.data import create_transform
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import param_groups_weight_decay
from timm.scheduler import CosineLRScheduler
from timm.utils import random_seed

NAME = "tf_efficientnet_lite0"  # TensorFlow's padding, and 1e-3 in the batch norms
MEAN, DEVIATION = (127 / 255,) * 3, (128 / 255,) * 3  # what the weights were trained with
EPOCHS, BATCH = 30, 32
HEAD_RATE, BODY_RATE = 1e-3, 1e-4
WEIGHT_DECAY = 0.05
WARM_UP = 0.1  # of the steps
SMOOTHING = 0.1
DROPOUT = 0.2
TOLERANCE = 1e-4  # of the largest feature: two libraries sum in different orders


def main(job, weights, *others):
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    found = check(weights, *others) if job == "check" else train(weights, *others)
    print(json.dumps(found))


def check(weights, features):
    """How far pooled features are from those in a file of `pooled_features.py`."""
    wanted = np.load(features)
    pixels = torch.from_numpy(wanted["pixels"]).permute(0, 3, 1, 2)
    mean, deviation = (torch.tensor(numbers).view(3, 1, 1) for numbers in (MEAN, DEVIATION))
    model = load(weights, 0).eval()
    with torch.inference_mode():
        found = model((pixels / 255 - mean) / deviation).numpy()
    difference = np.abs(found - wanted["features"]).max() / np.abs(wanted["features"]).max()
    if not difference < TOLERANCE:
        raise SystemExit(f"timm's network is another: its features differ by {difference:.2g}")
    return {"difference": float(difference)}


def load(path, width):
    """timm's network with the published weights; `width` classes, or 0 for pooled features.

    The file's names are of another implementation, but both hold the same tensors in the same
    order.
    """
    model = timm.create_model(NAME, pretrained=False, num_classes=width, drop_rate=DROPOUT)
    published = torch.load(path, map_location="cpu", weights_only=True)
    published = [tensor for name, tensor in published.items() if not name.startswith("_fc.")]
    state = model.state_dict()
    body = [name for name in state if not name.startswith("classifier.")]
    # shapes that do not fit are refused
    model.load_state_dict({**state, **dict(zip(body, published, strict=True))})
    return model


def train(weights, folder, seed):
    """Train on `folder`/train and look at `folder`/val once, at the end."""
    random_seed(int(seed))
    names = sorted(path.name for path in Path(folder, "train").iterdir() if path.is_dir())
    model = load(weights, len(names)).to(memory_format=torch.channels_last)
    examples = list(read(Path(folder, "train")))
    steps = EPOCHS * (len(examples) // BATCH)
    fit(model, examples, names, steps)
    right = evaluate(model, Path(folder, "val"), names)
    return {
        "given": given(steps * BATCH),
        "accuracy": float(np.mean(list(right.values()))),
        "right": right,
    }


def read(folder):
    """(image, class, CLASS/FILE) of each file, decoded."""
    for path in sorted(folder.glob("*/*")):
        name = f"{path.parent.name}/{path.name}"
        yield Image.open(path).convert("RGB"), path.parent.name, name


def fit(model, examples, names, steps):
    change = transform(is_training=True, hflip=0.5, color_jitter=None)
    optimizer = torch.optim.AdamW(groups(model))
    warm_up = round(WARM_UP * steps)
    schedule = CosineLRScheduler(
        optimizer, steps - warm_up, warmup_t=warm_up, warmup_prefix=True, t_in_epochs=False
    )
    loss_of = LabelSmoothingCrossEntropy(SMOOTHING)
    model.train()
    order = []
    for step in range(steps):
        if len(order) < BATCH:  # the rest of an epoch is dropped
            order = torch.randperm(len(examples)).tolist()
        batch, order = [examples[index] for index in order[:BATCH]], order[BATCH:]
        schedule.step_update(step)
        pixels = stack(change(image) for image, _, _ in batch)
        targets = torch.tensor([names.index(label) for _, label, _ in batch])
        optimizer.zero_grad()
        loss_of(model(pixels), targets).backward()
        optimizer.step()


def transform(**settings):
    """timm's way from a Pillow image to what the network takes."""
    return create_transform(
        224, mean=MEAN, std=DEVIATION, interpolation="bicubic", crop_pct=0.875, **settings
    )


def stack(images):
    return torch.stack(list(images)).contiguous(memory_format=torch.channels_last)


def groups(model):
    """The head at one rate and the body at another; norms and biases do not decay."""
    head = model.get_classifier()
    found = []
    for part, rate in ((head, HEAD_RATE), (model, BODY_RATE)):
        for group in param_groups_weight_decay(part, WEIGHT_DECAY):
            own = {id(weight) for weight in head.parameters()} if part is model else set()
            weights = [weight for weight in group["params"] if id(weight) not in own]
            found.append({**group, "params": weights, "lr": rate})
    return found


def evaluate(model, folder, names):
    """{CLASS/FILE: 1 where the predicted class is its own, else 0}."""
    plain = transform(is_training=False)
    model.eval()
    examples, right = list(read(folder)), {}
    for first in range(0, len(examples), BATCH):
        batch = examples[first : first + BATCH]
        with torch.inference_mode():
            predicted = model(stack(plain(image) for image, _, _ in batch)).argmax(dim=1)
        for (_, label, name), index in zip(batch, predicted.tolist(), strict=True):
            right[name] = int(names[index] == label)
    return right


def given(seen):
    """What was done."""
    return [
        {
            "stage": "whole network",
            "epochs": EPOCHS,
            "images seen": seen,
            "augmentation": "random resized crop, horizontal flip",
            "rate": [HEAD_RATE, BODY_RATE],
            "versions": {"torch": torch.__version__, "timm": timm.__version__},
        }
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
