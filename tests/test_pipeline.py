"""Training from files: TensorFlow's own operations give the pixels that every other way gives."""

import functools
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.bases.table import find_base
from keras_transfer.config import make_config
from keras_transfer.data.dataset import Holdout, make_dataset
from keras_transfer.data.examples import read_examples
from keras_transfer.data.pipeline import arrays_source, training_batches
from keras_transfer.data.raw_inputs import RawInputs
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import UserError
from keras_transfer.inputs import find_modality
from keras_transfer.inputs.image import MODALITY
from keras_transfer.inputs.image.in_graph import CAREFUL, load_first, load_in_graph
from keras_transfer.strategies.common.gradient import Schedule, train_by_gradient
from keras_transfer.tasks import make_task
from tests.support.odd_images import noise, save_turned

SIZE = 40


def spec_of(resize="squeeze"):
    config = make_config(image_size=SIZE, resize=resize)
    return find_modality("image").spec(find_base("mobilenet_v2"), config)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Class folders of files, some of which only the careful decoder reads: 12 in all."""
    folder = tmp_path_factory.mktemp("files")
    for kind in ("one", "two"):
        (folder / kind).mkdir()
        for number, name in enumerate(("a.jpg", "b.jpg", "c.png")):
            pixels = noise(50 + 9 * number, 70 - 7 * number)
            Image.fromarray(pixels).save(folder / kind / name)
        save_turned(folder / kind / "turned.jpg", 6, noise(64, 48))
        Image.fromarray(noise(33, 44)).convert("CMYK").save(folder / kind / "cmyk.jpg")
        Image.fromarray(noise(30, 41)).save(folder / kind / "d.bmp")
    return folder


def raw_inputs(folder, views=(None,), kept=False, resize="squeeze"):
    examples = read_examples(read_source(folder, "auto", "image"), spec_of(resize))
    assert len(examples) == 12
    return RawInputs(examples if kept else replace(examples, kept=None, there=None), list(views))


def steps(raw, epochs=2, **knobs):
    """[(inputs, targets, weights)] of a training on all examples; targets are their numbers."""
    config, count = make_config(batch_size=5, **knobs), len(raw.examples)
    source = raw.source([((SIZE, SIZE, 3), "float32")])
    arrays = np.arange(count), np.arange(count), np.ones(count, np.float32)
    batches, _ = training_batches(source, *arrays, config, epochs)
    return [[part.numpy() for part in batch] for batch in batches]


@pytest.mark.parametrize("resize", ["squeeze", "crop", "pad"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_is_the_same_in_the_graph(tmp_path, orientation, resize):
    file = save_turned(tmp_path / "turned.jpg", orientation, noise(57, 91), quality=90)
    spec, tf = spec_of(resize), load_tensorflow()
    pixels, way = load_first(file, spec)
    assert way == orientation
    assert (pixels == MODALITY.load(file, spec).arrays).all()
    graph = tf.function(lambda path, way: load_in_graph(path, way, spec))
    assert (graph(tf.constant(str(file)), tf.constant(way)).numpy() == pixels).all()


def test_files_that_need_care_are_found_out(files):
    ways = {p.name: load_first(p, spec_of())[1] for p in (files / "one").iterdir()}
    careful = {name for name, way in ways.items() if way == CAREFUL}
    assert careful == {"cmyk.jpg", "d.bmp"}
    assert ways["turned.jpg"] == 6


@pytest.mark.parametrize("views", [[None], [None, ("light", 0, 1), ("light", 0, 2)]])
def test_pixels_from_files_and_from_memory_are_the_same_bits(files, views):
    from_files = steps(raw_inputs(files, views), epochs=4)
    kept = raw_inputs(files, views, kept=True)
    from_memory = steps(kept, epochs=4)
    assert [len(batch[1]) for batch in from_files] == [5, 5, 2] * 4
    for one, other in zip(from_files, from_memory, strict=True):
        for part, same in zip(one, other, strict=True):
            assert (part == same).all()
    # and those that judging, prediction and the store see
    for step, (inputs, indices, _) in enumerate(from_files):
        np.testing.assert_array_equal(inputs, kept(indices, step // 3))


def test_training_from_files_can_be_repeated(files):
    views = [None, ("standard", 3, 1)]
    first, again = (steps(raw_inputs(files, views), mixup=0.3) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_a_batch_shared_by_devices_keeps_its_mean():
    values = np.arange(10, dtype=np.float32)
    source = arrays_source(lambda indices, epoch: values[indices, None], [((1,), "float32")])
    config = make_config(batch_size=7)
    weights = np.linspace(0.5, 1.5, 10).astype(np.float32)
    arrays = source, np.arange(10), values, weights, config, 1
    alone, shared = (list(training_batches(*arrays, devices)[0]) for devices in (1, 3))
    assert [len(weights) for *_, weights in shared] == [9, 3]
    for (_, targets, weight), (inputs, more, scaled) in zip(alone, shared, strict=True):
        np.testing.assert_allclose(np.mean(targets * weight), np.mean(more * scaled), rtol=1e-6)
        np.testing.assert_allclose(inputs[:, 0], more)


def test_no_thread_tunes_batches_so_nobody_waits_until_it_wakes():
    """It sleeps longer and longer, up to a minute: trainings of seconds would not show it."""
    source = arrays_source(lambda indices, epoch: indices[:, None], [((1,), "int64")])
    arrays = source, np.arange(4), np.arange(4), np.ones(4, np.float32)
    batches, _ = training_batches(*arrays, make_config(batch_size=2), 1)
    assert batches.options().autotune.enabled is False


@pytest.mark.parametrize("epochs_before", [0, 2])
def test_a_file_that_is_gone_while_training_is_one_line(files, tmp_path, epochs_before):
    keras = load_keras()
    shutil.copytree(files, tmp_path / "files")
    raw = raw_inputs(tmp_path / "files")
    examples = raw.examples
    task = make_task("classification", list(examples.table["label"]), np.ones(12, bool))
    every, nobody = np.arange(12), np.array([], np.int64)
    dataset = make_dataset(examples, task, Holdout(every, nobody, "train"))
    pixels = keras.Input((SIZE, SIZE, 3))
    outputs = keras.layers.Dense(2, "softmax")(keras.layers.GlobalAveragePooling2D()(pixels))
    model = keras.Model(pixels, outputs)
    if not epochs_before:
        (tmp_path / "files" / "two" / "a.jpg").unlink()

    def remove(epoch, logs):
        if epoch + 1 == epochs_before:
            shutil.rmtree(tmp_path / "files")

    model.fit = functools.partial(fit_with, model.fit, remove)
    asked = make_config(strategy="fine_tuning"), Schedule(40, 1e-3), "Training"
    with pytest.raises(UserError, match="an example cannot be read any more"):
        train_by_gradient(model, raw, dataset, every, nobody, *asked)
    (tmp_path / "files" / "one" / "b.jpg").unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"one/b\.jpg"):
        examples.batch([1])


def fit_with(fit, on_epoch_end, batches, callbacks, **settings):
    """`fit` with one more callback."""
    more = load_keras().callbacks.LambdaCallback(on_epoch_end=on_epoch_end)
    return fit(batches, callbacks=[*callbacks, more], **settings)
