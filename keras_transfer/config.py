"""One configuration: the command line's flags, the notebook's arguments, `config.json`.

A strategy, task or modality may have settings of its own, a frozen dataclass `Settings` in its
file: they join the configuration where it is named.
"""

import dataclasses
import functools
import json
import pkgutil
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, get_args

from keras_transfer.environment import read_json
from keras_transfer.errors import UserError, flag_of, out_of_range, unknown_name

Policy = Literal["auto", "none", "light", "standard", "strong", "medical", "drawing", "crop"]
IN_MEMORY = "in memory"  # what `data` holds where arrays or DataFrames were passed
HELPERS = {"common", "certificate"}  # in a room: what is no method, task or format
ROOMS = {"strategy": "strategies", "task": "tasks", "modality": "inputs"}  # field: room


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Adapt a pretrained base to your labelled examples; score, save and export the model."""

    data: str = "demo"
    """The examples: demo, a folder of class folders, a folder with train/val/test, a folder with a
    metadata.csv, .jsonl or .parquet (file_name,label[,split,group]), such a file, or tfds:NAME."""
    base: Any = "efficientnet_lite0"
    """The pretrained network to build on; `keras-transfer doctor --bases` lists them."""
    weights: str = "auto"
    """auto (those that come with the package, else imagenet; none where there are none to be had),
    imagenet, none, or a path to .weights.h5, .h5, .keras or a run folder."""
    modality: str = "image"
    """What an example is."""
    strategy: str = "feature_extraction"
    """feature_extraction trains a head on the frozen base; fine_tuning then trains part of the
    base too, and keeps half of that, or all or none of it where that is clearly better; few_shot
    is for a handful of examples a class; protonet and maml train a base on episodes, for classes
    to come of which there are few examples; auto takes one by how many labels there are."""
    task: str = "auto"
    """What is predicted; auto reads it off the labels."""
    trainable: str = "auto"
    """The part that fine_tuning and meta-learning train: all, none, a stage of the base (it and
    all after it), last:N layers, or auto (the base's own default stage; all for a regression, and
    of a base without pretrained weights)."""
    batch_norm: Literal["auto", "frozen", "trained"] = "auto"
    """Batch normalisation of the base: auto keeps pretrained statistics and trains fresh ones."""
    pooling: Literal["avg", "max", "flatten"] = "avg"
    """How the base's last feature map becomes one vector."""
    hidden_units: tuple[int, ...] = ()
    """Widths of hidden layers between features and output, for example 4096 4096; none by
    default."""
    dropout: float = 0.0
    """Share of features dropped while a head with hidden layers, or the base, is trained."""
    augment: Policy = "auto"
    """Random flips, rotations, zooms, brightness and contrast while training (strong: colours and
    an erased part too; medical: no flips, little of the rest; of a drawing: rotation, shear, scale
    and shift on its own ground; crop: closer looks at a part, for frozen bases); auto is none for
    feature_extraction, crop for few_shot, light for all that trains the base."""
    views: int | None = None
    """Augmented views of each example, the plain one included; by default 4 for
    feature_extraction, 3 for few_shot, one an epoch for fine_tuning."""
    cache_features: bool = True
    """Keep what the frozen part computes on disk, for this run and those to come."""
    feature_precision: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """Numbers of stored features; bfloat16 is also computed so: faster, some percent off. auto is
    float32, and float16 where a head looks at maps of several stages."""
    mixup: float = 0.0
    """Mix pairs of examples while training by gradient: alpha of MixUp, for example 0.2; of stored
    features where they are stored."""
    class_weight: Literal["none", "balanced"] = "none"
    """balanced counts each class alike, however many examples it has."""
    epochs: int | None = None
    """Most passes over the training examples; by default what the strategy recommends."""
    batch_size: int | Literal["auto"] | None = None
    """Examples a training step; auto is the largest power of two that fits into memory. By default
    what the strategy recommends."""
    devices: int | Literal["all"] = 1
    """On how many GPUs to train; each takes a part of every batch."""
    learning_rate: float | None = None
    """Highest learning rate; by default what the strategy recommends."""
    patience: int | None = None
    """Epochs without improvement after which training stops; the best weights are kept. By
    default what the strategy recommends."""
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = "auto"
    """Numbers of training; auto is mixed_float16 on a GPU that is fast at it, else float32."""
    split_by: Literal["example", "class"] = "example"
    """class keeps whole classes (of a table, whole class_groups) for val and test: the run is then
    scored by episodes on classes that it never saw."""
    seed: int = 0
    """Drives every draw: splits, initial weights, order, augmentation."""
    time_budget: float | None = None
    """Minutes of training after which it stops at the next epoch and keeps the best so far."""
    max_skipped: float = 0.05
    """Share of unreadable examples above which the run is refused."""
    error_rate: float = 0.02
    """Predictions with too little confidence are called unsure, so that of the others about this
    share is wrong, or less."""
    export: bool = True
    """Write and check a SavedModel and a TFLite file."""
    report: bool = True
    """Write report.html: scores, figures, mistakes, the data and how to repeat it."""
    tensorboard: str | None = None
    """Also write the history for TensorBoard, in a new folder below this one."""

    LIMITS = {  # noqa: RUF012 - knob: lowest and highest value that makes sense
        "hidden_units": (1, 65536),
        "dropout": (0.0, 0.95),
        "views": (2, 64),
        "mixup": (0.0, 10.0),
        "epochs": (1, 100_000),
        "batch_size": (1, 65536),
        "devices": (1, 1024),
        "learning_rate": (1e-8, 10.0),
        "patience": (1, 100_000),
        "seed": (0, 2**31 - 1),
        "time_budget": (0.0, 1e6),
        "error_rate": (0.0, 0.5),
        "max_skipped": (0.0, 1.0),
    }

    # of the data; a strategy's `Settings` may say otherwise
    LEAST_EXAMPLES = 2  # that each class needs in train
    ALL_TRAIN_BELOW = 0  # examples of the rarest class under which no test set is drawn

    @property
    def kept_classes(self):
        """Names of the classes of an earlier run that are predicted as well."""
        return ()

    def __post_init__(self):
        for knob, (low, high) in limits_of(type(self)).items():
            value = getattr(self, knob)
            values = value if isinstance(value, tuple) else (value,)
            for number in values:
                if isinstance(number, str):
                    self._check_word(knob, flag_of(knob), number)
                elif number is not None and not low <= number <= high:
                    raise out_of_range(knob, number, low, high)

    def _check_word(self, knob, flag, word):
        """Refuse a word in place of a number that is not one of those allowed there."""
        kinds = {field.name: field.type for field in dataclasses.fields(self)}[knob]
        words = [word for kind in get_args(kinds) for word in get_args(kind)]
        if word not in words:
            raise UserError(f"{flag} is no number", word, f"Allowed: {' or '.join(words)}, or one")

    def to_json(self):
        """The text of `config.json`; a base of the user's own is there by its name."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        fields["base"] = base_name(self.base)
        return json.dumps(fields, indent=2) + "\n"


def limits_of(config_class):
    """{knob: (lowest, highest)} of a configuration and all that joined it."""
    return {k: v for part in config_class.__mro__ for k, v in vars(part).get("LIMITS", {}).items()}


def base_name(base):
    """The name of a base, also of a `keras.Model`."""
    return base if isinstance(base, str) else base.name


def names_in(room):
    """What a room (tasks, strategies, inputs, ...) offers: the names of its files."""
    package = import_module(f"keras_transfer.{room}")
    found = {module.name for module in pkgutil.iter_modules(package.__path__)}
    return tuple(sorted(found - HELPERS))


def find_in(room, kind, name):
    """The module `name` of a room; an unknown one is a UserError that offers the nearest."""
    if name not in names_in(room):
        raise unknown_name(kind, name, names_in(room))
    return import_module(f"keras_transfer.{room}.{name}")


def config_class(parent=TrainConfig, **named):
    """`parent` with the settings of the strategy, task and modality that are `named`.

    Args:
        named: strategy, task, modality; those that are missing are as in TrainConfig. Of
            `--task auto`, which may turn out to be any, the settings of all join.
    """
    defaults = {f.name: f.default for f in dataclasses.fields(TrainConfig)}
    asked = tuple(named.get(kind) or defaults[kind] for kind in ROOMS)
    return _config_class(parent, asked)


@functools.lru_cache(maxsize=64)
def _config_class(parent, asked):
    parts = []
    for (kind, room), name in zip(ROOMS.items(), asked, strict=True):
        several = name == "auto" and name not in names_in(room)
        for known in names_in(room) if several else (name,):
            settings = getattr(find_in(room, kind, known), "Settings", None)
            parts += [settings] if settings else []
    # the parent's own come first in `--help`: fields are taken from the last parent on
    made = type(parent.__name__, (*parts, parent), {"__doc__": parent.__doc__})
    made.__module__ = parent.__module__
    return dataclass(frozen=True, kw_only=True)(made)


def make_config(**knobs):
    """A TrainConfig from keyword arguments; a name or value that is not one is a UserError."""
    made = config_class(**{kind: knobs.get(kind) for kind in ROOMS})
    fields = {field.name: field for field in dataclasses.fields(made)}
    for name, value in knobs.items():
        if name not in fields:
            raise unknown_name("setting", name, fields)
        allowed = getattr(fields[name].type, "__args__", ())
        if allowed and all(isinstance(a, str) for a in allowed) and value not in allowed:
            raise unknown_name(name, value, allowed)
    if "hidden_units" in knobs:
        units = knobs["hidden_units"]
        knobs["hidden_units"] = (units,) if isinstance(units, int) else tuple(units)
    return made(**knobs)


def read_config(path):
    """The TrainConfig of a run's `config.json`."""
    return make_config(**read_json(path))
