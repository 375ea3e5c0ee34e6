"""The configuration: one place for every knob, and it refuses what it does not know."""

import dataclasses

import pytest

from keras_transfer.config import config_class, limits_of, make_config, read_config
from keras_transfer.errors import UserError


def test_reads_back_what_it_wrote(tmp_path):
    config = make_config(base="vgg16", hidden_units=[4096, 4096], dropout=0.5, time_budget=1.5)
    (tmp_path / "config.json").write_text(config.to_json())
    assert read_config(tmp_path / "config.json") == config


def test_every_knob_has_a_meaning():
    import inspect

    parts = [part for part in config_class().__mro__ if dataclasses.is_dataclass(part)]
    source = "".join(inspect.getsource(part) for part in parts[1:])
    for field in dataclasses.fields(config_class()):
        after = source.split(f"    {field.name}: ")[1].split("\n", 1)[1].lstrip()
        assert after.startswith('"""'), f"{field.name} has no help"


def test_limits_name_knobs():
    made = config_class()
    assert "image_size" in limits_of(made)
    assert set(limits_of(made)) <= {field.name for field in dataclasses.fields(made)}


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"epoch": 3}, "unknown setting.*Did you mean epochs"),
        ({"strategy": "fine-tuning"}, "unknown strategy.*fine_tuning"),
        ({"resize": "stretch"}, "unknown resize"),
        ({"dropout": 1.5}, "--dropout is out of range"),
        ({"epochs": 0}, "--epochs is out of range"),
        ({"hidden_units": (64, 0)}, "--hidden-units is out of range"),
        ({"at_specificity": 1.5}, "--at-specificity is out of range"),
        ({"seed": -1}, "--seed is out of range"),
        ({"dropout": float("nan")}, "--dropout is out of range"),
    ],
)
def test_refuses(knobs, message):
    with pytest.raises(UserError, match=message):
        make_config(**knobs)
