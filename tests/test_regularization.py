"""Each regularisation does what its source says, on tiny cases, and nothing unless it is named."""

import numpy as np
import pytest

from keras_transfer.backend import load_keras
from keras_transfer.config import make_config
from keras_transfer.errors import UserError
from keras_transfer.model.factory import build_model
from keras_transfer.model.trainable import set_trainable
from keras_transfer.strategies.common.compiling import compiled
from keras_transfer.strategies.common.regularization import regularized
from keras_transfer.tasks import make_task
from tests.test_strategies import tiny_dataset, trained

TASK = make_task("classification", ["a", "b", "c"], np.ones(3, bool))
SHORT = {"epochs": 2, "trainable": "last:4"}


class OfTask:
    """What `compiled` asks of a dataset."""

    task = TASK


def config(**knobs):
    return make_config(strategy="fine_tuning", **knobs)


def test_label_smoothing_spreads_a_share_over_all_classes():
    ops = load_keras().ops
    predicted = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], np.float32)
    truth = TASK.one_hot(np.array([0, 1])).astype(np.float32)
    smoothed = 0.9 * truth + 0.1 / 3
    expected = -(smoothed * np.log(predicted)).sum(axis=1).mean()
    found = TASK.loss(True, 0.1)(ops.convert_to_tensor(truth), ops.convert_to_tensor(predicted))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_a_regression_has_no_labels_to_smooth():
    task = make_task("regression", ["1.5", "2.5"], np.ones(2, bool))
    with pytest.raises(UserError, match="--label-smoothing needs classes"):
        task.loss(smoothing=0.1)


def test_weight_decay_shrinks_kernels_and_leaves_biases_and_norms():
    keras = load_keras()
    pixels = keras.Input((4,))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(3)(pixels))
    model = keras.Model(pixels, keras.layers.Softmax()(x))
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    compiled(model, OfTask, config(weight_decay=0.1), 0.01)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.apply([np.zeros(v.shape, "float32") for v in model.trainable_variables])
    for variable in model.trainable_variables:
        expected = 1 - 0.01 * 0.1 if len(variable.shape) > 1 else 1.0
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)


def test_l2_sp_is_half_the_squared_distance_from_the_start():
    model = build_model("mobilenet_0.25", weights="none", image_size=32)
    set_trainable(model, "block12")
    kernels = [v for v in model.trainable_variables if len(v.shape) > 1 and "head" not in v.path]
    with regularized(model, model, config(l2_sp=0.5)):
        assert sum(float(loss) for loss in model.losses) == 0
        kernels[0].assign(kernels[0] + 2.0)
        expected = 0.5 * 0.5 * 4.0 * np.prod(kernels[0].shape)
        assert sum(float(loss) for loss in model.losses) == pytest.approx(expected, rel=1e-4)
        assert model.get_layer("head").kernel.regularizer is None
    assert model.losses == []


def test_stochastic_depth_rises_to_its_share_and_is_off_again():
    model = build_model("efficientnet_b0", weights="none", image_size=32)
    set_trainable(model, "all")
    drops = [one for one in model.layers if tuple(getattr(one, "noise_shape", None) or ())[1:]]
    before = [layer.rate for layer in drops]
    with regularized(model, model, config(stochastic_depth=0.4)):
        rates = [layer.rate for layer in drops]
        np.testing.assert_allclose(rates, np.linspace(0, 0.4, len(drops) + 1)[1:])
    assert [layer.rate for layer in drops] == before
    lite = build_model("efficientnet_lite0", weights="none", image_size=32)
    with (
        pytest.raises(UserError, match="efficientnet_lite0 has no stochastic depth"),
        regularized(lite, lite, config(stochastic_depth=0.4)),
    ):
        pass


def test_the_average_of_the_weights_is_what_is_judged_and_kept():
    keras = load_keras()
    keras.utils.set_random_seed(0)
    pixels = keras.Input((4,))
    model = keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(pixels))
    compiled(model, OfTask, config(weight_average=0.5), 0.1)
    values = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
    targets, steps, kept = np.arange(24) % 3, [], []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda step, logs: steps.append(model.get_weights()[0]),
        on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()[0]),
    )
    from keras_transfer.strategies.common.regularization import callbacks

    swap = callbacks(config(weight_average=0.5))
    fed = {"batch_size": 8, "epochs": 1, "shuffle": False, "verbose": 0}
    model.fit(values, targets, callbacks=[*swap, watch], **fed)
    average = steps[0]
    for step in steps[1:]:
        average = 0.5 * average + 0.5 * step
    np.testing.assert_allclose(kept[-1], average, rtol=1e-5)


@pytest.mark.parametrize(
    "knobs",
    [{"label_smoothing": 0.1}, {"weight_decay": 0.05}, {"weight_average": 0.9}, {"l2_sp": 0.01}],
)
def test_each_goes_through_a_whole_tuning(knobs):
    fitted, _ = trained("fine_tuning", tiny_dataset(), **SHORT, **knobs)
    assert all(np.isfinite(weight).all() for weight in fitted.model.get_weights())
    assert all(np.isfinite(row["holdout_loss"]) for row in fitted.history)
