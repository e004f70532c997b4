"""Losses that users write: as functions and classes, with a gradient and without one."""

import functools
import json

import numpy as np
import pytest

from cnncore import backend, losses
from cnncore._custom_objects import custom_object_scope
from loss_oracles import numerical_gradient


class Quartic(losses.Loss):
    def call(self, y_true, y_pred):
        return ((y_pred - y_true) ** 4).sum(axis=-1)

    def gradient(self, y_true, y_pred):
        return 4 * (y_pred - y_true) ** 3


def quartic(y_true, y_pred):
    return ((y_pred - y_true) ** 4).sum(axis=-1), 4 * (y_pred - y_true) ** 3


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("make", [Quartic, functools.partial(losses.FunctionLoss, quartic)], ids=["class", "function"])
def test_custom_losses_and_their_gradients(make, reduction):
    rng = np.random.default_rng(7)
    loss = make(reduction=reduction)
    y_true, y_pred = rng.random((5, 3), np.float32), rng.random((5, 3), np.float32)
    for weight in (None, rng.random(5, np.float32)):
        value, gradient = loss.core((3,))(y_true, y_pred, weight)
        assert value == pytest.approx(loss(y_true, y_pred, weight), rel=1e-6)
        expected = numerical_gradient(lambda y: loss(y_true, y, weight), y_pred.astype(np.float64), 1e-2)  # noqa: B023
        np.testing.assert_allclose(gradient, expected, rtol=1e-2, atol=1e-2)
        assert gradient.dtype == np.float32


def test_losses_written_as_for_keras_are_differentiated():
    def squares(y_true, y_pred):
        return backend.mean(backend.square(y_pred - y_true), axis=-1)

    class Squares(losses.Loss):
        def call(self, y_true, y_pred):
            return squares(y_true, y_pred)

    rng = np.random.default_rng(0)
    y_true, y_pred = rng.standard_normal((2, 5, 3)).astype(np.float32)
    expected = losses.MeanSquaredError().value_and_gradient(y_true, y_pred)
    for loss in (losses.get(squares), Squares()):
        value, gradient = loss.value_and_gradient(y_true, y_pred)
        assert value == pytest.approx(expected[0], rel=1e-6)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-5)
        assert gradient.dtype == np.float32


def test_custom_losses_that_cannot_be_trained_with():
    def root(y_true, y_pred):
        return np.partition(np.abs(y_pred - y_true), 0).sum(axis=-1)

    class Root(losses.Loss):
        def call(self, y_true, y_pred):
            return root(y_true, y_pred)

    y = np.ones((2, 1), np.float32)
    assert losses.get(root)(0 * y, y) == Root()(0 * y, y) == 1.0
    with pytest.raises(TypeError, match=r"\[root\] cannot be trained with: .*numpy.partition(.|\n)*def root"):
        losses.get(root).core((1,))(0 * y, y)
    with pytest.raises(
        TypeError, match=r"\[root\] cannot be trained with: .*numpy.partition.*let Root implement gradient"
    ):
        Root().core((1,))(0 * y, y)


def test_functions_are_described_by_their_name():
    loss = losses.FunctionLoss(quartic, reduction="sum")
    config = json.loads(json.dumps(losses.serialize(loss)))
    with custom_object_scope({"quartic": quartic}):
        other = losses.deserialize(config)
    assert other.function is quartic
    assert other.get_config() == loss.get_config()
    with pytest.raises(ValueError, match=r"has 'quartic' as a loss, .* custom_objects={'quartic': the"):
        losses.deserialize(config)
    with pytest.raises(ValueError, match="is a function without a name, so it cannot be described in a file"):
        losses.serialize(losses.get(lambda t, p: p))


def test_custom_losses_of_one_number():
    def mean_square(y_true, y_pred):
        difference = y_pred - y_true
        return np.square(difference).mean(), 2 * difference / difference.size

    y_true, y_pred = np.zeros((2, 2), np.float32), np.array([[1, 2], [3, 4]], np.float32)
    value, gradient = losses.get(mean_square).core((2,))(y_true, y_pred)
    assert value == 7.5
    np.testing.assert_array_equal(gradient, y_pred / 2)
    with pytest.raises(
        ValueError, match=r"one value for each sample, since the samples have weights\. Received: one number"
    ):
        losses.get(mean_square).core((2,))(y_true, y_pred, np.ones(2, np.float32))


def test_own_losses_made_of_others():
    rng = np.random.default_rng(9)

    def mixed(y_true, y_pred):
        squares = losses.mean_squared_error(y_true, y_pred)
        return 2 * squares + 0.1 * losses.categorical_crossentropy(y_true, y_pred) * np.mean(y_pred, axis=-1)

    y_true, y_pred = rng.random((4, 3), np.float32), rng.uniform(0.1, 1, (4, 3)).astype(np.float32)
    loss = losses.get(mixed)
    value, gradient = loss.core((3,))(y_true, y_pred)
    assert value == pytest.approx(loss(y_true, y_pred), rel=1e-6)
    expected = numerical_gradient(lambda y: loss(y_true, y), y_pred.astype(np.float64), 1e-2)
    np.testing.assert_allclose(gradient, expected, rtol=1e-2, atol=1e-3)


def test_custom_losses_of_the_wrong_shape():
    y = np.ones((3, 2), np.float32)
    with pytest.raises(ValueError, match=r"a gradient of y_pred's shape \(3, 2\). Received: \(3,\)"):
        losses.get(lambda t, p: (p.sum(axis=-1), p.sum(axis=-1))).core((2,))(y, y)
    with pytest.raises(ValueError, match=r"losses of shape \(3,\), one for each sample. Received: \(2,\)"):
        losses.get(lambda t, p: (p.sum(axis=0), p)).core((2,))(y, y)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda y: None, "expected losses to hold real numbers. Received: losses.dtype=object"),
        (lambda y: "text", "expected losses to hold real numbers"),
        (lambda y: 1j * y.mean(-1), "expected losses to hold real numbers. Received: losses.dtype=complex"),
        (lambda y: (y.mean(-1), None), "expected gradient to hold real numbers. Received: gradient.dtype=object"),
        (lambda y: (y.mean(-1), 1j * y), "expected gradient to hold real numbers"),
    ],
)
def test_results_that_are_no_real_numbers(result, message):
    loss = losses.get(lambda y_true, y_pred: result(y_pred))
    with pytest.raises(TypeError, match=message):
        loss.value_and_gradient(np.ones((2, 3), np.float32), np.ones((2, 3), np.float32))
