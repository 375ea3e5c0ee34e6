"""The factory and a training step on the other backend, in a process and environment of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = """
import numpy as np
from keras_transfer.model.cut import cut
from keras_transfer.model.factory import build_model
from keras_transfer.model.trainable import set_trainable
import keras

assert keras.backend.backend() == "jax"
model = build_model("efficientnet_lite0", "classification", 3, (8,), 0.2, image_size=64)
set_trainable(model, "block7")
before = {layer.name: layer.get_weights() for layer in model.layers}
x = np.random.default_rng(0).uniform(0, 255, (8, 64, 64, 3)).astype("float32")
y = np.arange(8) % 3
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
history = model.fit(x, y, batch_size=4, verbose=0)
assert np.isfinite(history.history["loss"][0])
moved = {
    layer.name for layer in model.layers
    if any((a != b).any() for a, b in zip(before[layer.name], layer.get_weights()))
}
assert "head" in moved and "hidden_1" in moved, moved
assert all(name.startswith(("block7", "top", "head", "hidden", "dropout")) for name in moved), moved
prefix, suffix = cut(model)
pieces = suffix.predict(prefix.predict(x, verbose=0), verbose=0)
np.testing.assert_allclose(pieces, model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
print("ANSWERS", *np.round(model.predict(x, verbose=0)[0], 3))
"""


@pytest.mark.slow
def test_factory_cut_and_a_training_step_on_jax(tmp_path):
    place = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    python = place / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", f"{ROOT}[jax]"], check=True)
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [python, "-c", CODE], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "ANSWERS" in done.stdout
