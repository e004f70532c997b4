"""Layers that compute with weights of their own beside other layers, or with weights of others."""

import numpy as np
import pytest

from cnncore import Input, Model, Sequential, ops
from cnncore.layers import Dense, Layer
from cnncore.optimizers import SGD

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)
Y = RNG.normal(size=(40, 6)).astype(np.float32)


class Transposed(Layer):
    """A layer that computes with the transposed kernel of another layer."""

    def __init__(self, dense, **kwargs):
        super().__init__(**kwargs)
        self.dense = dense

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(self.dense.input.shape[-1],), initializer="zeros", name="bias")

    def call(self, x):
        return ops.matmul(x, ops.transpose(self.dense.weights[0])) + self.bias


class Gated(Layer):
    """A layer with weights of its own that contains another layer."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = Dense(6, activation="tanh")

    def build(self, input_shape):
        self.gamma = self.add_weight(shape=(6,), initializer="ones", name="gamma")
        self.kernel = self.add_weight(shape=(6, 6), name="kernel")

    def call(self, x):
        return self.gamma * self.dense(x) + np.matmul(x, self.kernel) / 2 - self.gamma


def tied():
    dense = Dense(3, input_shape=(6,), name="encoder")
    return Sequential([dense, Transposed(dense)])


def gated():
    return Sequential([Dense(6, input_shape=(6,)), Gated()])


@pytest.mark.parametrize("make", [tied, gated])
def test_gradients_are_those_of_differences(make):
    model = make()
    model.compile(SGD(0.1), "mse")
    weights, gradients = model.get_weights(), model.gradients(X, Y)
    for index, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
        place = tuple(RNG.integers(0, size) for size in weight.shape)
        losses = []
        for step in (1e-2, -1e-2):
            moved = [array.copy() for array in weights]
            moved[index][place] += step
            model.set_weights(moved)
            losses.append(model.evaluate(X, Y, verbose=0))
        assert (losses[0] - losses[1]) / 2e-2 == pytest.approx(float(gradient[place]), abs=2e-3)
    model.set_weights(weights)
    history = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_a_tied_kernel_is_one_weight():
    model = tied()
    assert [variable.path for variable in model.weights] == ["encoder/kernel", "encoder/bias", "transposed/bias"]
    kernel = model.layers[0].get_weights()[0]
    np.testing.assert_allclose(model.predict(X), X @ kernel @ kernel.T, rtol=1e-4, atol=1e-5)


def test_frozen_weights_stay():
    model = tied()
    model.layers[0].trainable = False
    model.compile(SGD(0.1), "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[2] != after[2]).any()


def test_weights_of_a_layer_in_a_graph_of_others():
    other = Dense(6, use_bias=False)
    other.build((None, 3))
    x = Input((6,))
    hidden = Dense(3)(x)
    model = Model(x, ops.matmul(hidden, other.kernel) * 0.5)
    expected = 0.5 * Model(x, hidden).predict(X) @ other.kernel.numpy()
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"weights of other layers \(.*/kernel\), which a file cannot describe"):
        model.get_config()


def test_weights_that_are_computed_with_by_themselves_are_trained():
    class Turned(Layer):
        def __init__(self):
            super().__init__()
            self.dense = Dense(6)

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(6, 6), name="kernel")

        def call(self, x):
            return self.dense(np.matmul(x, np.transpose(self.kernel)))

    layer = Turned()
    model = Sequential([Dense(6, input_shape=(6,)), layer])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).random((4, 6), np.float32)
    before = layer.kernel.numpy()
    model.train_on_batch(x, np.zeros((4, 6), np.float32))
    after = layer.kernel.numpy()
    assert (after != before).any()
    hidden = x @ model.layers[0].kernel.numpy() + model.layers[0].bias.numpy()
    expected = hidden @ after.T @ layer.dense.kernel.numpy() + layer.dense.bias.numpy()
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-5, atol=1e-6)
