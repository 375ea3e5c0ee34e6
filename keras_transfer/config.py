"""One configuration: the command line's flags, the notebook's arguments, `config.json`."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keras_transfer.errors import UserError, unknown_name

IN_MEMORY = "in memory"  # what `data` says of arrays and DataFrames


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Adapt a pretrained base to your labelled images; score, save and export the model."""

    data: str = "demo"
    """The images: demo, a folder of class folders, a folder with train/val/test, a .csv or
    .parquet table (path,label[,split,group]), or tfds:NAME."""
    base: str = "efficientnet_lite0"
    """The pretrained network to build on; `keras-transfer doctor --bases` lists them."""
    weights: str = "auto"
    """auto (those that come with the package, else imagenet), imagenet, none, or a path to
    .weights.h5, .h5, .keras or a run folder."""
    strategy: Literal["feature_extraction", "fine_tuning"] = "feature_extraction"
    """feature_extraction trains a head on the frozen base; fine_tuning then trains part of the
    base too, and keeps half of that, or as much of it as is clearly better."""
    task: Literal["auto", "classification", "multilabel", "regression"] = "auto"
    """What is predicted; auto reads it off the labels."""
    trainable: str = "auto"
    """The part that fine_tuning trains: all, none, a stage of the base (it and all after it),
    last:N layers, or auto (the base's own default stage; all for a regression)."""
    batch_norm: Literal["auto", "frozen", "trained"] = "auto"
    """Batch normalisation of the base: auto keeps pretrained statistics and trains fresh ones."""
    image_size: int | None = None
    """Pixels a side that the model sees; by default those the base was trained at."""
    resize: Literal["squeeze", "crop", "pad"] = "squeeze"
    """How an image becomes square: squeezed, its middle cut out, or padded with grey."""
    pooling: Literal["avg", "max", "flatten"] = "avg"
    """How the base's last feature map becomes one vector."""
    hidden_units: tuple[int, ...] = ()
    """Widths of hidden layers between features and output, for example 4096 4096; none by
    default."""
    dropout: float = 0.0
    """Share of features dropped while a head with hidden layers, or the base, is trained."""
    augment: Literal["auto", "none", "light", "standard"] = "auto"
    """Random flips, rotations, zooms, brightness and contrast while training; auto is none for
    feature_extraction and light for fine_tuning."""
    views: int | None = None
    """Seeded versions of each image, the plain one included, where images are augmented and
    features stored; by default 4 for feature_extraction, one an epoch for fine_tuning."""
    cache_features: bool = True
    """Keep what the frozen part computes on disk, for this run and those to come."""
    feature_precision: Literal["float32", "float16", "bfloat16"] = "float32"
    """Numbers of stored features; bfloat16 is also computed so: faster, some percent off."""
    mixup: float = 0.0
    """Mix pairs of examples while training by gradient: alpha of MixUp, for example 0.2; of stored
    features where they are stored."""
    class_weight: Literal["none", "balanced"] = "none"
    """balanced counts each class alike, however many images it has."""
    epochs: int | None = None
    """Most passes over the training images; by default what the strategy recommends."""
    batch_size: int = 32
    """Images a training step."""
    learning_rate: float | None = None
    """Highest learning rate; by default what the strategy recommends."""
    patience: int | None = None
    """Epochs without improvement after which training stops; the best weights are kept. By
    default what the strategy recommends."""
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = "auto"
    """Numbers of training; auto is mixed_float16 on a GPU that is fast at it, else float32."""
    seed: int = 0
    """Drives every draw: splits, initial weights, order, augmentation."""
    time_budget: float | None = None
    """Minutes of training after which it stops at the next epoch and keeps the best so far."""
    max_skipped: float = 0.05
    """Share of unreadable images above which the run is refused."""
    max_pixels: int = 200_000_000
    """An image with more pixels than this is skipped: it could be a decompression bomb."""
    export: bool = True
    """Write and check a SavedModel and a TFLite file."""

    def __post_init__(self):
        for knob, (low, high) in LIMITS.items():
            value = getattr(self, knob)
            values = value if isinstance(value, tuple) else (value,)
            for number in values:
                if number is not None and not low <= number <= high:
                    flag = "--" + knob.replace("_", "-")
                    raise UserError(f"{flag} is out of range", number, f"Allowed: {low} to {high}")

    def to_json(self):
        """The text of `config.json`."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


LIMITS = {  # knob: lowest and highest value that makes sense
    "image_size": (32, 1024),
    "hidden_units": (1, 65536),
    "dropout": (0.0, 0.95),
    "views": (2, 64),
    "mixup": (0.0, 10.0),
    "epochs": (1, 100_000),
    "batch_size": (1, 65536),
    "learning_rate": (1e-8, 10.0),
    "patience": (1, 100_000),
    "seed": (0, 2**31 - 1),
    "time_budget": (0.0, 1e6),
    "max_skipped": (0.0, 1.0),
    "max_pixels": (1024, 10**10),
}


def make_config(**knobs):
    """A TrainConfig from keyword arguments; a name or value that is not one is a UserError."""
    fields = {field.name: field for field in dataclasses.fields(TrainConfig)}
    for name, value in knobs.items():
        if name not in fields:
            raise unknown_name("setting", name, fields)
        allowed = getattr(fields[name].type, "__args__", ())
        if allowed and all(isinstance(a, str) for a in allowed) and value not in allowed:
            raise unknown_name(name, value, allowed)
    if "hidden_units" in knobs:
        units = knobs["hidden_units"]
        knobs["hidden_units"] = (units,) if isinstance(units, int) else tuple(units)
    return TrainConfig(**knobs)


def read_config(path):
    """The TrainConfig of a run's `config.json`."""
    return make_config(**json.loads(Path(path).read_text()))
