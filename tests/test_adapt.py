"""A run's base for other classes, and more classes for a run, from a handful of images."""

import numpy as np
import pytest

import keras_transfer as kt
from keras_transfer.backend import load_keras
from keras_transfer.cli.adapt import main
from keras_transfer.errors import UserError
from keras_transfer.model.pooled import pooled_features
from keras_transfer.model.training_features import read_training_features
from keras_transfer.run.folder import Run
from tests.support.drawing import KINDS, draw, plant_classes
from tests.test_few_shot import drawn

OLD, NEW = KINDS[:-1], KINDS[-1:]
SETTINGS = {"weights": "none", "image_size": 32, "export": False, "report": False, "quiet": True}
QUICK = {"export": False, "report": False, "quiet": True}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """A run on all kinds but the last; its base has weights that no other has."""
    folder = tmp_path_factory.mktemp("adapt") / "earlier"
    knobs = {"base": "mobilenet_v2_0.35", "seed": 7}
    return kt.transfer(drawn(12, OLD), out=folder, **SETTINGS, **knobs)


def test_the_base_is_that_of_the_run_as_it_was_trained(earlier, tmp_path):
    run = kt.adapt(earlier.folder, drawn(3, NEW + OLD[:1]), out=tmp_path / "new", **QUICK)
    images = drawn(2)[0]
    then, now = (pooled_features(r.model).predict(images, verbose=0) for r in (earlier, run))
    np.testing.assert_allclose(then, now, rtol=1e-4, atol=1e-5)
    assert run.classes == tuple(sorted(NEW + OLD[:1]))
    assert run.config.image_size == 32
    assert run.metrics["splits"]["train"]["cross_validated"]
    assert run.model.input_shape[1] == 32


def test_a_class_is_added_without_an_image_of_the_others(earlier, tmp_path):
    run = kt.adapt(earlier.folder, drawn(4, NEW), add=True, out=tmp_path / "more", **QUICK)
    assert run.classes == tuple(sorted(KINDS))
    kept = read_training_features(earlier.folder, 1280)
    assert sorted(set(kept.labels)) == sorted(OLD)
    fresh = read_training_features(run.folder, 1280)
    assert len(fresh.labels) == len(kept.labels) + 4  # they travel on, the new ones with them
    assert sorted(set(fresh.labels)) == sorted(KINDS)
    assert "are predicted right in cross-validation" in (run.folder / "log.txt").read_text()
    again = kt.adapt(run.folder, drawn(1, NEW), add=True, out=tmp_path / "again", **QUICK)
    assert again.classes == run.classes


def test_a_test_set_may_hold_the_earlier_classes_that_train_lacks(earlier, tmp_path):
    place = plant_classes(tmp_path, {"train": 4}, name="few", kinds=NEW)
    plant_classes(tmp_path, {"test": 5}, name="few")
    run = kt.adapt(earlier.folder, place, add=True, out=tmp_path / "more", **QUICK)
    assert run.metrics["splits"]["test"]["n"] == 5 * len(KINDS)
    assert sorted(set(run.predictions["label"])) == sorted(KINDS)


def test_a_run_with_classes_of_before_is_read_again_and_exported(earlier, tmp_path):
    from PIL import Image

    folder = tmp_path / "few" / NEW[0]
    folder.mkdir(parents=True)
    for number in range(3):
        Image.fromarray(draw(NEW[0], number, 64)).save(folder / f"{number}.png")
    arguments = f"--model {earlier.folder} --data {tmp_path / 'few'} --add --out {tmp_path / 'run'}"
    assert main([*arguments.split(), "--no-export", "--no-report", "--json"]) == 0
    run = Run.open(tmp_path / "run")
    certificate = run.export("tflite")
    assert next(iter(certificate.values()))["passed"]


def test_a_network_of_the_users_own_is_adapted(tmp_path):
    keras = load_keras()
    keras.utils.set_random_seed(0)
    pixels = keras.Input((32, 32, 3), name="pixels")
    layer = keras.layers.Conv2D(12, 3, strides=2, activation="relu")
    own = keras.Model(pixels, layer(keras.layers.Rescaling(1 / 255)(pixels)), name="own")
    knobs = {"base": own, "weights": "auto", **QUICK, "image_size": 32}
    first = kt.transfer(drawn(10, OLD), out=tmp_path / "first", **knobs)
    few = drawn(3, NEW, seed=50)
    run = kt.adapt(first.folder, few, add=True, out=tmp_path / "run", augment="none", **QUICK)
    assert run.classes == tuple(sorted(KINDS))
    images, labels = drawn(6, seed=100)
    predicted = [run.classes[n] for n in run.model.predict(images, verbose=0).argmax(axis=1)]
    right = np.array(predicted) == np.array(labels)
    assert right[: 6 * len(OLD)].mean() > 0.7  # of whose images none was there
    assert right[6 * len(OLD) :].mean() > 0.7


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda folder: (folder / "training_features.npz").unlink(), "kept nothing"),
        (lambda folder: _without_labels(folder), "without labels"),
        (lambda folder: (folder / "training_features.npz").write_bytes(b"no"), "damaged"),
        (lambda folder: (folder / "run.json").unlink(), "no run here"),
    ],
)
def test_a_run_that_cannot_be_added_to_is_refused(earlier, tmp_path, capsys, change, word):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(earlier.folder, copy)
    change(copy)
    with pytest.raises(UserError, match=word):
        kt.adapt(copy, drawn(3, NEW), add=True, out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


def _without_labels(folder):
    kept = read_training_features(folder, 1280)
    np.savez(folder / "training_features.npz", features=kept.features)


def test_features_of_another_base_are_not_mixed_in(earlier, tmp_path):
    knobs = {"strategy": "few_shot", "keep_classes": str(earlier.folder), **QUICK}
    with pytest.raises(UserError, match="--weights"):
        kt.transfer(drawn(3, NEW), out=tmp_path / "run", base="mobilenet_v2_0.35", **knobs)


def test_one_class_alone_is_refused_without_add(earlier, tmp_path, capsys):
    with pytest.raises(UserError, match="only one class"):
        kt.adapt(earlier.folder, drawn(3, NEW), out=tmp_path / "run", **QUICK)


def test_the_command_prints_what_a_program_wants(earlier, tmp_path, capsys):
    arguments = ["--model", str(earlier.folder), "--data", str(tmp_path / "gone")]
    assert main(arguments) == 2
    assert "no such data" in capsys.readouterr().err
    assert main(["--model", str(tmp_path), "--data", "demo", "--json"]) == 2
    assert "no run here" in capsys.readouterr().err
