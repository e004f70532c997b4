"""check_gradients finds wrong gradients of layers and losses, and passes right ones."""

import numpy as np
import pytest

import cnncore
from cnncore.layers import Dense, Layer


class Scale(Layer):
    wrong_input, wrong_weight = 1.0, 1.0

    def build(self, input_shape):
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

    def call(self, x):
        return np.sin(x) * self.factor

    def backward(self, x, dy):
        return self.wrong_input * dy * np.cos(x) * self.factor, [self.wrong_weight * (dy * np.sin(x)).sum(axis=0)]


class Product(Layer):
    def call(self, inputs):
        return inputs[0] * inputs[1]

    def backward(self, inputs, dy):
        return [dy * inputs[1], dy * inputs[0]]


def squared(y_true, y_pred):
    return np.mean((y_pred - y_true) ** 2), 2 * (y_pred - y_true) / y_pred.size


def half(y_true, y_pred):
    value, slope = squared(y_true, y_pred)
    return value, slope / 2


def test_right_ones_pass():
    cnncore.testing.check_gradients(Scale(), (4,))
    cnncore.testing.check_gradients(Product(), [(2, 3), (2, 3)])
    cnncore.testing.check_gradients(Scale(), inputs=np.ones((2, 4)))
    cnncore.testing.check_gradients(squared, (5,))


def test_wrong_ones_are_named():
    layer = Scale(name="mine")
    layer.wrong_input = 1.1
    with pytest.raises(AssertionError, match=r'layer "mine", input 0 at .*differences give .* Received: '):
        cnncore.testing.check_gradients(layer, (4,))
    layer = Scale(name="mine")
    layer.wrong_weight = -1.0
    with pytest.raises(AssertionError, match='layer "mine", factor at '):
        cnncore.testing.check_gradients(layer, (4,))
    with pytest.raises(AssertionError, match="loss 'half', y_pred at "):
        cnncore.testing.check_gradients(half, (5,))


def test_what_cannot_be_checked():
    with pytest.raises(TypeError, match="expected a layer with a method backward"):
        cnncore.testing.check_gradients(Dense(3), (4,))
    with pytest.raises(TypeError, match="expected a layer or a loss"):
        cnncore.testing.check_gradients(3, (4,))
    with pytest.raises(ValueError, match="expected `input_shape` or `inputs`"):
        cnncore.testing.check_gradients(Scale())
