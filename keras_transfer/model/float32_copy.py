"""The float32 copy of a model trained in mixed precision."""

NARROW = {"mixed_float16", "mixed_bfloat16", "float16", "bfloat16"}


def float32_copy(model):
    """The same layers and weights, computing in float32; the model itself if it already does.

    Files are made from it: a float16 model turns into operations that LiteRT refuses, and a float32
    file predicts alike on every machine.

    Args:
        model: a built `keras.Model` that can be made again from its own config.
    """
    config = model.get_config()
    widened = _widen(config)
    if widened == config:
        return model
    copy = type(model).from_config(widened)
    copy.set_weights(model.get_weights())
    return copy


def _widen(config):
    """A config with every narrow dtype in it, as policy or as plain name, made float32."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy" and config["config"]["name"] in NARROW:
            return {**config, "config": {**config["config"], "name": "float32"}}
        return {key: _widen_entry(key, value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(_widen(part) for part in config)
    return config


def _widen_entry(key, value):
    # only under this key: a layer may be called "float16"
    if key == "dtype" and isinstance(value, str):
        return "float32" if value in NARROW else value
    return _widen(value)
